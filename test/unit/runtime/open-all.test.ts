import { expect, test } from 'bun:test'
import { openAll } from '../../../core/runtime/open-all.ts'

function opening(addresses: string[], hasIpv6: boolean, broken = /^\/ip6/) {
  const skipped: string[][] = []
  const opened = openAll({
    addresses,
    hasIpv6,
    open: async (address) => {
      if (broken.test(address)) throw new Error(`no ${address}`)
      return address
    },
    skipped: (some) => skipped.push(some),
  })
  return { opened, skipped }
}
const four = '/ip4/127.0.0.1/tcp/1'
const six = ['/ip6/::1/tcp/1', '/ip6/::/tcp/2']

test('without IPv6 a list is listened at where it can be, and the rest is told once', async () => {
  const { opened, skipped } = opening([six[0]!, four, six[1]!], false)
  expect(await opened).toEqual([four])
  expect(skipped).toEqual([six])
})

test('without IPv6 a list of IPv6 alone fails, and so does an address of IPv4', async () => {
  await expect(opening(six, false).opened).rejects.toThrow(`no ${six[0]}`)
  await expect(opening([four, ...six], false, /./).opened).rejects.toThrow(`no ${four}`)
})

test('with IPv6 each address that cannot be listened at fails', async () => {
  await expect(opening([four, ...six], true).opened).rejects.toThrow(`no ${six[0]}`)
})
