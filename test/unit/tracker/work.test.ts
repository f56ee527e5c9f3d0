import { describe, expect, test } from 'bun:test'
import type { LocalRecord } from '../../../core/runtime/store.ts'
import { keyOf } from '../../../core/tracker/events.ts'
import { countWork } from '../../../core/tracker/slots.ts'
import { callOf, type Held, nameOf, newWork } from '../../../core/tracker/work.ts'
import { contentCid, pinOf } from '../../sim/content.ts'

const cid = contentCid('content')
const record = { cid, want: 'recursive', generation: 7, attempts: 0 } as LocalRecord

function work(kind: 'pin' | 'unpin', change: Partial<Held> = {}, attempts = 0): Held {
  return { ...newWork(keyOf(cid), kind, { ...record, attempts }, undefined, 0), ...change }
}

test('work is named by its CID and the generation of its record', () => {
  expect(nameOf(work('pin'))).toEqual({ key: keyOf(cid), generation: 7 })
})

describe('the call to IPFS', () => {
  test('of a pin says how, and what the check found', () => {
    const pin = pinOf(cid)
    expect(callOf(work('pin', { pin, isUnpinned: true }))).toEqual({
      kind: 'pin',
      mode: 'recursive',
      pin,
      unpinFirst: false,
      isUnpinned: true,
    })
    const direct = { ...record, want: 'direct' } as const
    expect(callOf(work('pin', { record: direct, unpinFirst: true }))).toMatchObject({
      mode: 'direct',
      unpinFirst: true,
    })
  })

  test('of an unpin says nothing else', () => {
    expect(callOf(work('unpin'))).toEqual({ kind: 'unpin' })
  })
})

describe('what is held', () => {
  test('runs on IPFS, is about to, or has only its outcome to be stored', () => {
    const phases = ['checking', 'beginning', 'ready', 'running', 'cancelling', 'recording'] as const
    const all = phases.map((phase) => work('pin', { phase }))
    expect(countWork(all, 'pin', 0)).toEqual({ running: 2, coming: 3, idle: 0, retries: 0, held: 6 })
  })

  test('counts by kind, and what has failed before counts as a retry until its outcome is being stored', () => {
    const all = [
      work('pin', {}, 1),
      work('pin', { phase: 'recording' }, 2),
      work('pin'),
      work('unpin', {}, 3),
    ]
    expect(countWork(all, 'pin', 0)).toEqual({ running: 0, coming: 2, idle: 0, retries: 1, held: 3 })
    expect(countWork(all, 'unpin', 0)).toEqual({ running: 0, coming: 1, idle: 0, retries: 1, held: 1 })
  })
})
