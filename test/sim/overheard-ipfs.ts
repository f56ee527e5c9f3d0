/** An IPFS node as one life of a process hears it: its calls are cut off when the process dies. */
import type { IpfsPinProgress, IpfsPinProof } from '../../core/runtime/ipfs.ts'
import type { Incarnation } from './incarnation.ts'
import type { UsedIpfs } from './simulated-ipfs.ts'

export function overheard(
  ipfs: UsedIpfs & { proof: IpfsPinProof },
  incarnation: Incarnation,
): UsedIpfs & { proof: IpfsPinProof } {
  const cutOff = <Options extends { signal?: AbortSignal }>(options: Options) => ({
    ...options,
    signal: incarnation.untilDeath(options.signal),
  })
  return {
    proof: {
      doubt: (cid) => ipfs.proof.doubt(cid),
      suspect: (cid) => incarnation.hear(ipfs.proof.suspect(cid)),
      watch: (onIncomplete) => {
        const watch = ipfs.proof.watch(incarnation.heard(onIncomplete))
        incarnation.death.addEventListener('abort', () => void watch[Symbol.asyncDispose]())
        return watch
      },
    },
    id: (options = {}) => incarnation.hear(ipfs.id(cutOff(options))),
    pinState: (cid, options = {}) => incarnation.hear(ipfs.pinState(cid, cutOff(options))),
    unpin: (cid, options = {}) => incarnation.hear(ipfs.unpin(cid, cutOff(options))),
    repoStat: (options = {}) => incarnation.hear(ipfs.repoStat(cutOff(options))),
    pin: (cid, options) =>
      incarnation.hear(
        ipfs.pin(cid, {
          ...cutOff(options),
          onProgress: incarnation.heard((progress: IpfsPinProgress) => options.onProgress?.(progress)),
        }),
      ),
    async *pins(options = {}) {
      const rows = ipfs.pins(cutOff(options))[Symbol.asyncIterator]()
      for (;;) {
        const next = await incarnation.hear(rows.next())
        if (next.done === true) return
        yield next.value
      }
    },
  }
}
