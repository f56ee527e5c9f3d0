/** Turns what goes wrong inside of the embedded node into the errors of the `Ipfs` contract. */
import { messageOf } from '../../error-text.ts'
import {
  IpfsAbortedError,
  type IpfsCall,
  IpfsError,
  IpfsInputError,
  IpfsRefusedError,
  IpfsStallError,
} from '../errors.ts'
import {
  AddressError,
  BlockTooLargeError,
  PathError,
  PathNotFoundError,
  StalledError,
  UnsupportedHashError,
  WrongBlockError,
} from './errors.ts'

/** What a caller's iterable threw: it goes back as it is. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}

/** `what` is written as the call of Kubo's RPC that does the same, so that logs of both read alike. */
export function callTo(what: string): IpfsCall {
  return { what, node: 'the embedded IPFS node' }
}

/** `stallTimeout` in ms. */
export function asIpfsError(
  error: unknown,
  call: IpfsCall,
  signal: AbortSignal,
  stallTimeout = 0,
): IpfsError {
  if (error instanceof IpfsError) return error
  if (error instanceof StalledError)
    return new IpfsStallError(call, stallTimeout, error.progress, error.missing)
  if (signal.aborted) return new IpfsAbortedError(call, signal.reason)
  const message = messageOf(error)
  if (inputErrors.some((kind) => error instanceof kind)) {
    return new IpfsInputError(`${call.what}: ${message}`, call, { cause: error })
  }
  return new IpfsRefusedError(call, `${call.node} could not do ${call.what}: ${message}`, message, {
    cause: error,
  })
}

const inputErrors = [
  AddressError,
  BlockTooLargeError,
  PathError,
  PathNotFoundError,
  UnsupportedHashError,
  WrongBlockError,
]
