/** How the cases of `compliance.ts` call a node. */
import { expect } from 'bun:test'
import { IpfsError } from '../../../core/ipfs/errors.ts'
import type { Ipfs, IpfsBlock, IpfsFailureReason, IpfsPinOptions } from '../../../core/runtime/ipfs.ts'
import { each } from './dag-fixtures.ts'

/** The nodes as they are while a test runs. */
export interface IpfsNodes {
  readonly ipfs: Ipfs
  readonly other: Ipfs
}

/** ms that one test may take, real nodes on a loaded machine included. */
export const caseTimeout = 60_000

export function pinOptions(options: Partial<IpfsPinOptions> = {}): IpfsPinOptions {
  return { mode: 'recursive', stallTimeout: 30_000, signal: new AbortController().signal, ...options }
}

export async function putAll(ipfs: Ipfs, blocks: Iterable<IpfsBlock>): Promise<void> {
  await ipfs.putBlocks(each(blocks))
}

/** The error that `call` rejects with, checked to be one that the callers of `Ipfs` understand. */
export async function expectIpfsError(call: Promise<unknown>, reason: IpfsFailureReason): Promise<IpfsError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(IpfsError)
  expect((error as IpfsError).reason, String(error)).toBe(reason)
  expect((error as IpfsError).message.length).toBeGreaterThan(10)
  return error as IpfsError
}
