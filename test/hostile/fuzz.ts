/**
 * `bun test/hostile/fuzz.ts [inputs] [seed] [pattern of names]`: gives each decoder of network bytes that many broken inputs,
 * 1,000,000 when not said, and writes a row of a table for each. Ends with 1 when one of them failed.
 */
import { fuzz } from './decoders/decoder.ts'
import { ipfsBytes } from './decoders/ipfs-bytes.ts'
import { libraryMessages } from './decoders/library-messages.ts'
import { peerMessages } from './decoders/peer-messages.ts'
import { requestBytes } from './decoders/request-bytes.ts'

const [inputs = '1000000', seed = '1', pattern = ''] = process.argv.slice(2)

console.log('| decoder | inputs | refused | time | heap growth |\n|---|---|---|---|---|')
for (const [name, decoder] of Object.entries({
  ...peerMessages,
  ...libraryMessages,
  ...requestBytes,
  ...ipfsBytes,
})) {
  if (!new RegExp(pattern).test(name)) continue
  try {
    const result = await fuzz(name, decoder, { inputs: Number(inputs), seed: Number(seed) })
    const refused = `${Math.round((result.refused / result.inputs) * 100)} %`
    const growth = `${Math.round(result.heapGrowth / 1024)} KiB`
    console.log(
      `| ${name} | ${result.inputs.toLocaleString('en')} | ${refused} | ${Math.round(result.ms / 1000)} s | ${growth} |`,
    )
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
}
