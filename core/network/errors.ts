/** What goes wrong between this peer and others. Errors of remote calls are in `rpc/errors.ts`. */
import type { PeerIdText } from '../pin/pin.ts'

/** A multiaddr that cannot be used. */
export class PeerAddressError extends Error {
  override readonly name = 'PeerAddressError'
  /** `key`: the setting or option that it comes from. */
  constructor(address: string, key: string, why: string, options?: ErrorOptions) {
    super(`${key}: ${JSON.stringify(address)} ${why}`, options)
  }
}

/** The peer cannot listen where it is told to. */
export class SwarmListenError extends Error {
  override readonly name = 'SwarmListenError'
  constructor(address: string, why: string, options?: ErrorOptions) {
    super(
      `the peer cannot listen for other peers on ${address}: ${why}; stop what uses it, or change ` +
        'cluster.listen_multiaddress',
      options,
    )
  }
}

/** No connection to a peer within `dial_peer_timeout`. */
export class PeerUnreachableError extends Error {
  override readonly name = 'PeerUnreachableError'
  constructor(peer: PeerIdText, why: string, options?: ErrorOptions) {
    super(`peer ${peer} cannot be reached: ${why}`, options)
  }
}

/** A connection opened and nothing on it could be read. */
export class SecretMismatchError extends Error {
  override readonly name = 'SecretMismatchError'
  /** `fingerprint`: of the secret of this peer; undefined when it has none. */
  constructor(peer: PeerIdText, fingerprint: string | undefined, options?: ErrorOptions) {
    super(
      `peer ${peer} answers, but what it sends cannot be read: most likely it has another cluster secret. ` +
        (fingerprint === undefined
          ? 'Ours is empty; set cluster.secret to that of the cluster'
          : `Ours has the fingerprint ${fingerprint}; compare it, and set cluster.secret to that of the cluster`),
      options,
    )
  }
}

/** Nobody that is connected gave a block of the pinset. */
export class BlockUnavailableError extends Error {
  override readonly name = 'BlockUnavailableError'
}

/** A peer took a call and did not finish it in time. */
export class PeerSilentError extends Error {
  override readonly name = 'PeerSilentError'
  /** `timeout`: milliseconds. */
  constructor(peer: PeerIdText, method: string, timeout: number) {
    super(`peer ${peer} did not answer ${method} within ${timeout / 1000} s`)
  }
}

/** A peer can be reached and does not speak the protocol of a method: one of the original, or of an older version. */
export class ProtocolUnsupportedError extends Error {
  override readonly name = 'ProtocolUnsupportedError'
  constructor(peer: PeerIdText, protocol: string, options?: ErrorOptions) {
    super(`peer ${peer} does not speak ${protocol}`, options)
  }
}

/** Catching up with a peer broke off; what came before is merged. */
export class SyncError extends Error {
  override readonly name = 'SyncError'
}
