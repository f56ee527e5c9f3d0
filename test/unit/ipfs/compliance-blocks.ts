/** Blocks: writing, reading, limits, broken sources. Part of `compliance.ts`. */
import { describe, expect, test } from 'bun:test'
import { sha512 } from 'multiformats/hashes/sha2'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'
import { caseTimeout, expectIpfsError, type IpfsNodes, pinOptions, putAll } from './compliance-calls.ts'
import { cborBlock, directoryBlock, fileTree, filledBytes, rawBlock, textBytes } from './dag-fixtures.ts'

export function blockCases(nodes: IpfsNodes): void {
  describe('blocks', () => {
    test(
      'of any codec and hash, in one stream, come back as they were',
      async () => {
        const leaf = await rawBlock(textBytes('leaf'))
        const blocks = [
          leaf,
          await directoryBlock({ leaf }, 0),
          await rawBlock(textBytes('other hash'), sha512),
          await cborBlock({ link: leaf.cid, bytes: textBytes('cbor') }),
          await directoryBlock({ 'a leaf': leaf }, 1),
          await rawBlock(new Uint8Array()),
          await rawBlock(filledBytes('large', 1_048_576)),
        ]
        await putAll(nodes.ipfs, blocks)
        for (const { cid, bytes } of blocks) {
          expect(await nodes.ipfs.getBlock(cid), cid.toString()).toEqual(bytes)
        }
      },
      caseTimeout,
    )

    test(
      'come in thousands in one call',
      async () => {
        const { root, leaves } = await fileTree('thousands', 2_500, 50)
        await putAll(nodes.ipfs, [...leaves, root])
        await nodes.ipfs.pin(root.cid, pinOptions())
        expect(await nodes.ipfs.getBlock(leaves[2_499]!.cid)).toEqual(leaves[2_499]!.bytes)
      },
      caseTimeout,
    )

    test(
      'may be none',
      async () => {
        await putAll(nodes.ipfs, [])
      },
      caseTimeout,
    )

    test(
      'whose bytes do not match their CID fail the call and are not kept under it',
      async () => {
        const honest = await rawBlock(textBytes('honest'))
        await expectIpfsError(putAll(nodes.ipfs, [{ ...honest, bytes: textBytes('forged') }]), 'failed')
        const signal = AbortSignal.timeout(300)
        await expectIpfsError(nodes.ipfs.getBlock(honest.cid, { signal }), 'aborted')
      },
      caseTimeout,
    )

    test(
      'from a source that fails end the call with the error of the source',
      async () => {
        const broken = new Error('the upload broke off')
        async function* source(): AsyncGenerator<IpfsBlock> {
          yield await rawBlock(textBytes('the last before the end'))
          throw broken
        }
        const error = await nodes.ipfs.putBlocks(source()).catch((error: unknown) => error)
        expect(error).toBe(broken)
      },
      caseTimeout,
    )

    test(
      'from a source that hangs end the call when the signal says so',
      async () => {
        const abort = new AbortController()
        const first = await rawBlock(textBytes('the only one of a hanging source'))
        const source = new HangingSource(first, () => abort.abort(new Error('the client went away')))
        const error = await expectIpfsError(nodes.ipfs.putBlocks(source, { signal: abort.signal }), 'aborted')
        expect(error.message).toContain('the client went away')
        expect(source.closed).toBe(true)
      },
      caseTimeout,
    )

    test(
      'that nobody has are asked for until the signal ends it',
      async () => {
        const absent = await rawBlock(textBytes('never put anywhere'))
        const signal = AbortSignal.timeout(200)
        await expectIpfsError(nodes.ipfs.getBlock(absent.cid, { signal }), 'aborted')
      },
      caseTimeout,
    )
  })
}

/** Gives one block and then never another; `hangs` is called when the second is asked for. */
class HangingSource implements AsyncIterable<IpfsBlock>, AsyncIterator<IpfsBlock> {
  closed = false
  #first: IpfsBlock | undefined
  readonly #hangs: () => void

  constructor(first: IpfsBlock, hangs: () => void) {
    this.#first = first
    this.#hangs = hangs
  }

  [Symbol.asyncIterator](): AsyncIterator<IpfsBlock> {
    return this
  }

  next(): Promise<IteratorResult<IpfsBlock>> {
    const value = this.#first
    this.#first = undefined
    if (value) return Promise.resolve({ value, done: false })
    this.#hangs()
    return new Promise(() => undefined)
  }

  return(): Promise<IteratorResult<IpfsBlock>> {
    this.closed = true
    return Promise.resolve({ value: undefined, done: true })
  }
}
