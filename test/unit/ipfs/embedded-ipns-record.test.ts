import { describe, expect, test } from 'bun:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { openRecord } from '../../../core/ipfs/embedded/exchange/ipns-record.ts'
import { makeIpnsRecord } from './ipns-fixture.ts'

describe('a record of a name', () => {
  test('is opened when its key has signed it', async () => {
    const key = await generateKeyPair('Ed25519')
    const record = await makeIpnsRecord(key, '/ipfs/bafkqaaa', 60_000)
    const opened = await openRecord(peerIdFromPrivateKey(key).toMultihash(), record, Date.now())
    expect(opened.value).toBe('/ipfs/bafkqaaa')
  })
  test('is refused when its signature has not the length of one', async () => {
    const key = await generateKeyPair('Ed25519')
    const signer = { sign: () => new Uint8Array(66) } as unknown as PrivateKey
    const record = await makeIpnsRecord(signer, '/ipfs/bafkqaaa', 60_000)
    const opened = openRecord(peerIdFromPrivateKey(key).toMultihash(), record, Date.now())
    await expect(opened).rejects.toMatchObject({ name: 'NameError' })
  })

  test('is refused when its fields of version 1 say something else than those that are signed', async () => {
    const key = await generateKeyPair('Ed25519')
    const record = await makeIpnsRecord(key, '/ipfs/bafkqaaa', 60_000)
    const open = (extra: number[]) =>
      openRecord(
        peerIdFromPrivateKey(key).toMultihash(),
        Buffer.concat([record, Buffer.from(extra)]),
        Date.now(),
      )
    expect((await open([5 * 8, 1])).sequence).toBe(1n)
    const contradictions = {
      value: [1 * 8 + 2, 1, 0x2f],
      validityType: [3 * 8, 1],
      validity: [4 * 8 + 2, 1, 0x30],
      sequence: [5 * 8, 2],
      ttl: [6 * 8, 7],
    }
    for (const extra of Object.values(contradictions)) {
      await expect(open(extra)).rejects.toThrow('version 1')
    }
  })
})
