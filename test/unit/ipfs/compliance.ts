/**
 * What every `Ipfs` does, whatever is behind it. Each backend has a test file that calls `ipfsCompliance` with a way to
 * make two nodes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Ipfs } from '../../../core/runtime/ipfs.ts'
import { blockCases } from './compliance-blocks.ts'
import { caseTimeout, expectIpfsError, pinOptions, putAll } from './compliance-calls.ts'
import { networkCases } from './compliance-network.ts'
import { pinCases } from './compliance-pins.ts'
import { fileTree } from './dag-fixtures.ts'

/** Two nodes that reach each other over loopback (addresses in `id()`), are not connected yet, and know no others. */
export interface IpfsSubject extends AsyncDisposable {
  ipfs: Ipfs
  /** A node of any kind; content that `ipfs` has to fetch is put here. */
  other: Ipfs
  /** Stops the node of `ipfs` and starts it again on the same data; gives what to talk to it with. */
  restart(): Promise<Ipfs>
}

export function ipfsCompliance(name: string, create: () => Promise<IpfsSubject>): void {
  describe(name, () => {
    let subject: IpfsSubject
    const nodes = {
      get ipfs() {
        return subject.ipfs
      },
      get other() {
        return subject.other
      },
    }

    beforeAll(async () => {
      subject = await create()
    }, caseTimeout)
    afterAll(async () => {
      await subject?.[Symbol.asyncDispose]()
    }, caseTimeout)

    blockCases(nodes)
    pinCases(nodes)
    networkCases(nodes)

    test(
      'pins outlive a restart of the node',
      async () => {
        const { root, leaves } = await fileTree('before the restart', 3)
        await putAll(subject.ipfs, [root, ...leaves])
        await subject.ipfs.pin(root.cid, pinOptions())
        await subject.ipfs.pin(leaves[0]!.cid, pinOptions({ mode: 'direct' }))
        subject.ipfs = await subject.restart()
        expect(await subject.ipfs.pinState(root.cid)).toBe('recursive')
        expect(await subject.ipfs.pinState(leaves[0]!.cid)).toBe('direct')
        expect(await subject.ipfs.getBlock(leaves[2]!.cid)).toEqual(leaves[2]!.bytes)
      },
      caseTimeout,
    )

    test(
      'a closed backend refuses calls, and closing twice is no error',
      async () => {
        // A node of its own: the other tests go on with theirs, in whatever order they run.
        await using own = await create()
        const { ipfs } = own
        await ipfs[Symbol.asyncDispose]()
        await expectIpfsError(ipfs.id(), 'aborted')
        await ipfs[Symbol.asyncDispose]()
      },
      caseTimeout,
    )
  })
}
