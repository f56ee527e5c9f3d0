/** Pins, unpins, garbage collection, repo size. Part of `compliance.ts`. */
import { describe, expect, test } from 'bun:test'
import { base58btc } from 'multiformats/bases/base58'
import type { CID } from 'multiformats/cid'
import type { Ipfs } from '../../../core/runtime/ipfs.ts'
import { caseTimeout, expectIpfsError, type IpfsNodes, pinOptions, putAll } from './compliance-calls.ts'
import { collect, directoryBlock, fileTree, filledBytes, rawBlock, textBytes } from './dag-fixtures.ts'

export function pinCases(nodes: IpfsNodes): void {
  describe('pins', () => {
    test(
      'are shown as what they are: recursive, direct, or none',
      async () => {
        const { root, leaves } = await fileTree('states', 2)
        const alone = await rawBlock(textBytes('direct'))
        await putAll(nodes.ipfs, [root, ...leaves, alone])
        expect(await nodes.ipfs.pinState(root.cid)).toBe('unpinned')
        await nodes.ipfs.pin(root.cid, pinOptions())
        await nodes.ipfs.pin(alone.cid, pinOptions({ mode: 'direct' }))
        expect(await nodes.ipfs.pinState(root.cid)).toBe('recursive')
        expect(await nodes.ipfs.pinState(alone.cid)).toBe('direct')
        expect(['indirect', 'unpinned']).toContain(await nodes.ipfs.pinState(leaves[0]!.cid))
      },
      caseTimeout,
    )

    test(
      'of both modes are listed, and nothing else',
      async () => {
        const { root, leaves } = await fileTree('listed', 2)
        const old = await directoryBlock({ leaf: leaves[0]! }, 0)
        const alone = await rawBlock(textBytes('listed alone'))
        await putAll(nodes.ipfs, [root, old, ...leaves, alone])
        await nodes.ipfs.pin(root.cid, pinOptions())
        await nodes.ipfs.pin(old.cid, pinOptions())
        await nodes.ipfs.pin(alone.cid, pinOptions({ mode: 'direct' }))
        const listed = new Map(
          (await collect(nodes.ipfs.pins())).map(({ cid, state }) => [cid.toString(), state]),
        )
        expect(listed.get(root.cid.toString())).toBe('recursive')
        expect(listed.get(old.cid.toString())).toBe('recursive')
        expect(listed.get(alone.cid.toString())).toBe('direct')
        expect(listed.has(leaves[0]!.cid.toString())).toBe(false)
      },
      caseTimeout,
    )

    test(
      'can be listed in part, and the node goes on working',
      async () => {
        for await (const _ of nodes.ipfs.pins()) break
        expect((await nodes.ipfs.id()).id).not.toBe('')
      },
      caseTimeout,
    )

    test(
      'may be made twice',
      async () => {
        const { root, leaves } = await fileTree('twice', 2)
        await putAll(nodes.ipfs, [root, ...leaves])
        for (const mode of ['recursive', 'direct'] as const) {
          const cid = mode === 'recursive' ? root.cid : leaves[0]!.cid
          await nodes.ipfs.pin(cid, pinOptions({ mode }))
          await nodes.ipfs.pin(cid, pinOptions({ mode }))
          expect(await nodes.ipfs.pinState(cid)).toBe(mode)
        }
      },
      caseTimeout,
    )

    test(
      'that are direct become recursive when asked, and recursive ones satisfy direct ones',
      async () => {
        const { root, leaves } = await fileTree('upgraded', 2)
        await putAll(nodes.ipfs, [root, ...leaves])
        await nodes.ipfs.pin(root.cid, pinOptions({ mode: 'direct' }))
        await nodes.ipfs.pin(root.cid, pinOptions({ mode: 'recursive' }))
        expect(await nodes.ipfs.pinState(root.cid)).toBe('recursive')
        await nodes.ipfs.pin(root.cid, pinOptions({ mode: 'direct' }))
        expect(await nodes.ipfs.pinState(root.cid)).toBe('recursive')
      },
      caseTimeout,
    )

    test(
      'of CIDv0 and of a CIDv1 with the same hash are two',
      async () => {
        const leaf = await rawBlock(textBytes('leaf of two versions'))
        const old = await directoryBlock({ leaf }, 0)
        await putAll(nodes.ipfs, [leaf, old])
        await nodes.ipfs.pin(old.cid, pinOptions())
        expect(await nodes.ipfs.pinState(old.cid)).toBe('recursive')
        expect(['indirect', 'unpinned']).toContain(await nodes.ipfs.pinState(old.cid.toV1()))
      },
      caseTimeout,
    )

    test(
      'can be made at the same time, some of them sharing blocks',
      async () => {
        const { leaves } = await fileTree('shared', 30)
        const roots = await Promise.all(
          leaves.map((_, i) => directoryBlock({ a: leaves[i]!, b: leaves[(i + 1) % leaves.length]! })),
        )
        await putAll(nodes.ipfs, [...leaves, ...roots])
        await Promise.all(roots.map((root) => nodes.ipfs.pin(root.cid, pinOptions())))
        const states = await Promise.all(roots.map((root) => nodes.ipfs.pinState(root.cid)))
        expect(new Set(states)).toEqual(new Set(['recursive']))
      },
      caseTimeout,
    )

    test(
      'are not begun when the signal has fired already',
      async () => {
        const { root } = await fileTree('too late', 1)
        const call = nodes.ipfs.pin(
          root.cid,
          pinOptions({ signal: AbortSignal.abort(new Error('too late')) }),
        )
        await expectIpfsError(call, 'aborted')
      },
      caseTimeout,
    )
  })

  describe('a pin update', () => {
    test(
      'pins the new CID and leaves the old one pinned',
      async () => {
        const { root, leaves } = await fileTree('first version', 3)
        const added = await rawBlock(textBytes('added in the second version'))
        const second = await directoryBlock({ a: leaves[0]!, b: leaves[1]!, c: added })
        await putAll(nodes.ipfs, [root, ...leaves, added, second])
        await nodes.ipfs.pin(root.cid, pinOptions())
        await nodes.ipfs.pin(second.cid, pinOptions({ updateFrom: root.cid }))
        expect(await nodes.ipfs.pinState(root.cid)).toBe('recursive')
        expect(await nodes.ipfs.pinState(second.cid)).toBe('recursive')
      },
      caseTimeout,
    )

    test(
      'from a CID that is not pinned here is a plain pin',
      async () => {
        const { root, leaves } = await fileTree('never pinned', 2)
        const second = await directoryBlock({ a: leaves[0]! })
        await putAll(nodes.ipfs, [root, ...leaves, second])
        await nodes.ipfs.pin(second.cid, pinOptions({ updateFrom: root.cid }))
        expect(await nodes.ipfs.pinState(second.cid)).toBe('recursive')
      },
      caseTimeout,
    )

    test(
      'may be made twice',
      async () => {
        const { root, leaves } = await fileTree('updated twice', 2)
        const second = await directoryBlock({ a: leaves[0]! })
        await putAll(nodes.ipfs, [root, ...leaves, second])
        await nodes.ipfs.pin(root.cid, pinOptions())
        await nodes.ipfs.pin(second.cid, pinOptions({ updateFrom: root.cid }))
        await nodes.ipfs.pin(second.cid, pinOptions({ updateFrom: root.cid }))
        expect(await nodes.ipfs.pinState(second.cid)).toBe('recursive')
      },
      caseTimeout,
    )
  })

  describe('an unpin', () => {
    test(
      'removes recursive and direct pins',
      async () => {
        const { root, leaves } = await fileTree('unpinned', 2)
        await putAll(nodes.ipfs, [root, ...leaves])
        await nodes.ipfs.pin(root.cid, pinOptions())
        await nodes.ipfs.pin(leaves[0]!.cid, pinOptions({ mode: 'direct' }))
        await nodes.ipfs.unpin(root.cid)
        expect(await nodes.ipfs.pinState(root.cid)).toBe('unpinned')
        expect(await nodes.ipfs.pinState(leaves[0]!.cid)).toBe('direct')
        await nodes.ipfs.unpin(leaves[0]!.cid)
        expect(await nodes.ipfs.pinState(leaves[0]!.cid)).toBe('unpinned')
      },
      caseTimeout,
    )

    test(
      'of what is not pinned, or only as a part of another pin, changes nothing and is no error',
      async () => {
        const { root, leaves } = await fileTree('parts', 2)
        await putAll(nodes.ipfs, [root, ...leaves])
        await nodes.ipfs.pin(root.cid, pinOptions())
        await nodes.ipfs.unpin(leaves[0]!.cid)
        await nodes.ipfs.unpin((await rawBlock(textBytes('unknown to all'))).cid)
        expect(await nodes.ipfs.pinState(root.cid)).toBe('recursive')
      },
      caseTimeout,
    )
  })

  describe('garbage collection', () => {
    test(
      'removes what no pin holds, names it, and keeps the rest',
      async () => {
        const kept = await fileTree('kept', 3)
        const dropped = await fileTree('dropped', 3)
        const direct = await fileTree('direct keeps only the root', 2)
        await putAll(
          nodes.ipfs,
          [kept, dropped, direct].flatMap((tree) => [tree.root, ...tree.leaves]),
        )
        await nodes.ipfs.pin(kept.root.cid, pinOptions())
        await nodes.ipfs.pin(dropped.root.cid, pinOptions())
        await nodes.ipfs.pin(direct.root.cid, pinOptions({ mode: 'direct' }))
        await nodes.ipfs.unpin(dropped.root.cid)

        const garbage = [dropped.root, ...dropped.leaves, ...direct.leaves]
        const removed = await collectGarbageUntilGone(
          nodes.ipfs,
          garbage.map(({ cid }) => hashOf(cid)),
        )
        for (const { cid, bytes } of [kept.root, ...kept.leaves, direct.root]) {
          expect(removed.has(hashOf(cid)), cid.toString()).toBe(false)
          expect(await nodes.ipfs.getBlock(cid)).toEqual(bytes)
        }
        const signal = AbortSignal.timeout(200)
        await expectIpfsError(nodes.ipfs.getBlock(dropped.leaves[0]!.cid, { signal }), 'aborted')
      },
      caseTimeout,
    )

    test(
      'leaves blocks alone that are being written',
      async () => {
        // So many that a backend that gathers has written some of them before the end.
        const { root, leaves } = await fileTree('written during a collection', 1_010, 40)
        const collections: Promise<unknown>[] = []
        async function* source() {
          yield* leaves
          await nodes.ipfs.getBlock(leaves[900]!.cid)
          collections.push(collect(nodes.ipfs.gc()))
          // Time for a collection that does not wait to do its harm.
          await Promise.race([collections[0], Bun.sleep(500)])
          yield root
        }
        await nodes.ipfs.putBlocks(source())
        await nodes.ipfs.pin(root.cid, pinOptions({ stallTimeout: 5_000 }))
        await Promise.all(collections)
        for (const { cid, bytes } of leaves) expect(await nodes.ipfs.getBlock(cid)).toEqual(bytes)
      },
      caseTimeout,
    )
  })

  describe('the repo', () => {
    test(
      'tells bytes in use and bytes it may use',
      async () => {
        const block = await rawBlock(filledBytes('weight', 500_000))
        await putAll(nodes.ipfs, [block])
        const { size, max } = await nodes.ipfs.repoStat()
        expect(size).toBeGreaterThanOrEqual(500_000)
        expect(max).toBeGreaterThan(size)
      },
      caseTimeout,
    )
  })
}

/** The hash of a CID as text: Kubo keeps blocks by hash and names garbage by it. */
function hashOf(cid: CID): string {
  return base58btc.encode(cid.multihash.bytes)
}

/** Collects again and again, because fresh blocks are protected for a while, and gives the hashes of all that went. */
async function collectGarbageUntilGone(ipfs: Ipfs, hashes: string[]): Promise<Set<string>> {
  const removed = new Set<string>()
  while (!hashes.every((hash) => removed.has(hash))) {
    for await (const row of ipfs.gc()) {
      expect(row.error).toBeUndefined()
      removed.add(hashOf(row.cid!))
    }
  }
  return removed
}
