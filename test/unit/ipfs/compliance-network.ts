/** Content of other nodes, connections, paths, stalls and stops. Part of `compliance.ts`. */
import { describe, expect, test } from 'bun:test'
import { IpfsStallError } from '../../../core/ipfs/errors.ts'
import type { Ipfs, IpfsPinProgress } from '../../../core/runtime/ipfs.ts'
import { caseTimeout, expectIpfsError, type IpfsNodes, pinOptions, putAll } from './compliance-calls.ts'
import { directoryBlock, fileTree, filledBytes, rawBlock, textBytes } from './dag-fixtures.ts'

export function networkCases(nodes: IpfsNodes): void {
  describe('content of another node', () => {
    test(
      'is found at the origins of a pin, without a connection before',
      async () => {
        const { root, leaves } = await fileTree('at the origin', 3)
        await putAll(nodes.other, [root, ...leaves])
        const { addresses } = await nodes.other.id()
        await nodes.ipfs.pin(root.cid, pinOptions({ origins: addresses }))
        expect(await nodes.ipfs.pinState(root.cid)).toBe('recursive')
        expect(await nodes.ipfs.swarmPeers()).toContain((await nodes.other.id()).id)
      },
      caseTimeout,
    )

    test(
      'is fetched and pinned, and the blocks that came are told',
      async () => {
        await connect(nodes)
        const { root, leaves } = await fileTree('fetched', 40, 20_000)
        await putAll(nodes.other, [...leaves, root])
        const seen: IpfsPinProgress[] = []
        const end = await nodes.ipfs.pin(
          root.cid,
          pinOptions({ onProgress: (progress) => seen.push(progress) }),
        )
        expect(end.blocks).toBe(41)
        expect(seen.at(-1)?.blocks).toBe(41)
        for (let i = 1; i < seen.length; i++) expect(seen[i]!.blocks).toBeGreaterThan(seen[i - 1]!.blocks)
        if (end.bytes !== undefined) expect(end.bytes).toBeGreaterThanOrEqual(40 * 20_000)
        expect(await nodes.ipfs.getBlock(leaves[39]!.cid)).toEqual(leaves[39]!.bytes)
      },
      caseTimeout,
    )

    test(
      'is not fetched below the root by a direct pin',
      async () => {
        await connect(nodes)
        const missing = await rawBlock(textBytes('below a direct pin'))
        const root = await directoryBlock({ missing })
        await putAll(nodes.other, [root])
        await nodes.ipfs.pin(root.cid, pinOptions({ mode: 'direct' }))
        expect(await nodes.ipfs.pinState(root.cid)).toBe('direct')
      },
      caseTimeout,
    )

    test(
      'comes as single blocks',
      async () => {
        await connect(nodes)
        const block = await rawBlock(filledBytes('single', 300_000))
        await putAll(nodes.other, [block])
        expect(await nodes.ipfs.getBlock(block.cid)).toEqual(block.bytes)
      },
      caseTimeout,
    )

    test(
      'makes the difference of a pin update',
      async () => {
        await connect(nodes)
        const { root, leaves } = await fileTree('old here', 3)
        const added = await rawBlock(textBytes('new there'))
        const second = await directoryBlock({ a: leaves[0]!, b: added })
        await putAll(nodes.ipfs, [root, ...leaves])
        await putAll(nodes.other, [second, added])
        await nodes.ipfs.pin(root.cid, pinOptions())
        await nodes.ipfs.pin(second.cid, pinOptions({ updateFrom: root.cid }))
        expect(await nodes.ipfs.getBlock(added.cid)).toEqual(added.bytes)
      },
      caseTimeout,
    )
  })

  describe('a pin whose content is incomplete', () => {
    for (const updated of [false, true]) {
      test(
        `ends with a stall error that counts what arrived${updated ? ', as an update too' : ''}`,
        async () => {
          const { root, leaves } = await fileTree(`incomplete ${updated}`, 3)
          const old = await directoryBlock({ a: leaves[0]! })
          await putAll(nodes.ipfs, [root, old, leaves[0]!, leaves[1]!])
          await nodes.ipfs.pin(old.cid, pinOptions())
          const options = pinOptions({ stallTimeout: 1_200, ...(updated && { updateFrom: old.cid }) })
          const error = await expectIpfsError(nodes.ipfs.pin(root.cid, options), 'stalled')
          expect(error).toBeInstanceOf(IpfsStallError)
          expect((error as IpfsStallError).blocks).toBe(3)
          expect(error.message).toContain('1.2 s')
          expect(error.message).toContain(root.cid.toString())
          expect(await nodes.ipfs.pinState(root.cid)).toBe('unpinned')
        },
        caseTimeout,
      )
    }

    test(
      'ends when the signal says so, with its reason',
      async () => {
        const absent = await rawBlock(textBytes('nowhere'))
        const signal = AbortSignal.any([AbortSignal.timeout(300)])
        const error = await expectIpfsError(
          nodes.ipfs.pin(absent.cid, pinOptions({ signal, stallTimeout: 0 })),
          'aborted',
        )
        expect(error.message).toContain(absent.cid.toString())
      },
      caseTimeout,
    )

    test(
      'is pinned once the rest has come',
      async () => {
        await connect(nodes)
        const { root, leaves } = await fileTree('completed later', 3)
        await putAll(nodes.ipfs, [root, leaves[0]!])
        const pinned = nodes.ipfs.pin(root.cid, pinOptions({ stallTimeout: 0 }))
        await putAll(nodes.other, [leaves[1]!, leaves[2]!])
        await pinned
        expect(await nodes.ipfs.pinState(root.cid)).toBe('recursive')
      },
      caseTimeout,
    )
  })

  describe('a path', () => {
    test(
      'resolves to the CID at its end',
      async () => {
        const file = await rawBlock(textBytes('at the end of a path'))
        const inner = await directoryBlock({ 'a file?.txt': file })
        const outer = await directoryBlock({ inner }, 0)
        await putAll(nodes.ipfs, [file, inner, outer])
        expect((await nodes.ipfs.resolve(`/ipfs/${outer.cid}`)).toString()).toBe(outer.cid.toString())
        expect((await nodes.ipfs.resolve(`/ipfs/${outer.cid}/inner`)).equals(inner.cid)).toBe(true)
        expect((await nodes.ipfs.resolve(`/ipfs/${outer.cid}/inner/a file?.txt`)).equals(file.cid)).toBe(true)
      },
      caseTimeout,
    )

    test(
      'of a bare CID resolves without the block',
      async () => {
        const absent = await rawBlock(textBytes('absent, but its CID says all'))
        expect((await nodes.ipfs.resolve(`/ipfs/${absent.cid}`)).equals(absent.cid)).toBe(true)
      },
      caseTimeout,
    )

    test(
      'that leads nowhere, or is none, is an error',
      async () => {
        const root = await directoryBlock({})
        await putAll(nodes.ipfs, [root])
        const error = await expectIpfsError(nodes.ipfs.resolve(`/ipfs/${root.cid}/no such file`), 'failed')
        expect(error.message).toContain('no such file')
        await expectIpfsError(nodes.ipfs.resolve('/ipfs/not-a-cid'), 'failed')
        await expectIpfsError(nodes.ipfs.resolve(''), 'failed')
      },
      caseTimeout,
    )
  })

  describe('connections', () => {
    test(
      'are made to a multiaddr and listed by peer ID',
      async () => {
        await connect(nodes)
        expect(await nodes.ipfs.swarmPeers()).toContain((await nodes.other.id()).id)
      },
      caseTimeout,
    )

    test(
      'to nobody, or to what is no multiaddr, are an error',
      async () => {
        const { id } = await nodes.other.id()
        const nobody = `/ip4/127.0.0.1/tcp/1/p2p/${id.slice(0, -6)}${id.endsWith('111111') ? '222222' : '111111'}`
        await expectIpfsError(nodes.ipfs.connect(nobody), 'failed')
        await expectIpfsError(nodes.ipfs.connect('over there'), 'failed')
      },
      caseTimeout,
    )
  })
}

async function connect({ ipfs, other }: { ipfs: Ipfs; other: Ipfs }): Promise<void> {
  const { addresses } = await other.id()
  await ipfs.connect(addresses[0]!)
}
