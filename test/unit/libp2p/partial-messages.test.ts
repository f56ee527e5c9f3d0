import { expect, test } from 'bun:test'
import type { PeerId } from '@libp2p/interface'
import { PartialMessages } from '../../../core/libp2p/partial-messages.ts'

const MiB = 1024 * 1024
const peer = (name: string) => ({ toString: () => name }) as unknown as PeerId

test('when the room for all peers is full, the message goes that has had no byte for longest', () => {
  const room = new PartialMessages()
  const ended: number[] = []
  const messages = Array.from({ length: 32 }, (_, number) =>
    room.open(peer(`peer ${number}`), () => ended.push(number)),
  )
  for (const message of messages) expect(message.came(4 * MiB)).toBe(true)
  expect(room.bytes).toBe(128 * MiB)
  // The first goes on, so that the second is the one that stalls.
  expect(messages[0]!.came(1)).toBe(true)
  expect(ended).toEqual([1])
  expect(room.bytes).toBe(124 * MiB + 1)
})

test('one peer has 20 MiB for all of its messages', () => {
  const room = new PartialMessages()
  let ended = 0
  const messages = Array.from({ length: 6 }, () => room.open(peer('one'), () => ended++))
  expect(messages.map((message) => message.came(4 * MiB))).toEqual([true, true, true, true, true, false])
  expect(ended).toBe(1)
  expect(room.bytes).toBe(20 * MiB)
  expect(room.open(peer('another'), () => ended++).came(4 * MiB)).toBe(true)
})

test('what is whole, and what is over, takes no room', () => {
  const room = new PartialMessages()
  const first = room.open(peer('one'), () => undefined)
  const second = room.open(peer('one'), () => undefined)
  first.came(1_002 + 5)
  first.whole(1_000)
  second.came(70)
  expect(room.bytes).toBe(75)
  second.end()
  second.end()
  expect(second.came(10)).toBe(false)
  expect(room.bytes).toBe(5)
  first.end()
  expect(room.bytes).toBe(0)
})
