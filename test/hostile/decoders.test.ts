/**
 * Every decoder of network bytes takes or refuses whatever it is given, by the errors that it names and no others, and
 * keeps nothing of it. `CLUSTER_FUZZ_INPUTS` sets the number of inputs for each, `CLUSTER_FUZZ_SEED` the seed.
 */
import { describe, expect, test } from 'bun:test'
import { fuzz } from './decoders/decoder.ts'
import { ipfsBytes } from './decoders/ipfs-bytes.ts'
import { libraryMessages } from './decoders/library-messages.ts'
import { peerMessages } from './decoders/peer-messages.ts'
import { requestBytes } from './decoders/request-bytes.ts'

const inputs = Number(process.env.CLUSTER_FUZZ_INPUTS ?? 20_000)
const seed = Number(process.env.CLUSTER_FUZZ_SEED ?? 1)
const timeout = 600_000 + inputs * 5

/** Bytes; what the runtime itself keeps or frees between two looks is less. */
const mostGrowth = 8 * 1024 * 1024

const groups = {
  'of peers': peerMessages,
  'of peers, by libraries': libraryMessages,
  'of clients': requestBytes,
  'of IPFS nodes': ipfsBytes,
}

for (const [group, decoders] of Object.entries(groups)) {
  describe(`broken input ${group} (seed ${seed})`, () => {
    for (const [name, decoder] of Object.entries(decoders)) {
      test(
        `for ${name} is decoded or refused by name, and nothing of it is kept`,
        async () => {
          const { refused, heapGrowth } = await fuzz(name, decoder, { inputs, seed })
          // Some of the changes leave good input as it is, and most do not.
          expect(refused).toBeGreaterThan(inputs / 50)
          expect(refused).toBeLessThan(inputs)
          expect(heapGrowth).toBeLessThan(mostGrowth)
        },
        timeout,
      )
    }
  })
}
