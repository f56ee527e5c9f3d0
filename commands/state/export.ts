/** `cluster state export`. */

import { open, rename, unlink } from 'node:fs/promises'
import { exportState } from '../../core/local/state-export.ts'
import { command } from '../command.ts'
import { CommandError } from '../errors.ts'

export default command({
  args: {
    file: {
      type: 'string',
      alias: ['f'],
      hint: 'file',
      default: '',
      description: 'where to write to (stdout)',
    },
  },
  details: 'Works beside a running peer, and without one.',
  examples: [
    ['cluster state export -f pins.json', 'writes all pins to a file'],
    ['cluster state export | gzip > pins.json.gz', 'writes them to a compressed one'],
  ],
  async run({ args, session }) {
    const { folder, environment, signal } = session
    using progress = session.progress('exporting')
    let pins = 0
    const texts = (async function* () {
      for await (const part of exportState({ folder, environment, signal })) {
        pins += part.pins
        progress.update(`${pins} pins`)
        yield part.text
      }
    })()
    if (args.file === '' || args.file === '-') {
      for await (const text of texts) await session.write(text)
    } else {
      await writeWhole(args.file, texts)
    }
    session.say(`${pins} pins exported`)
  },
})

/** The file appears when it is whole. */
async function writeWhole(path: string, texts: AsyncIterable<string>): Promise<void> {
  const partial = `${path}.partial-${process.pid}`
  const file = await open(partial, 'wx').catch(failed)
  try {
    for await (const text of texts) await file.write(text).catch(failed)
    await file.sync()
    await file.close()
    await rename(partial, path).catch(failed)
  } catch (error) {
    await file.close().catch(() => undefined)
    await unlink(partial).catch(() => undefined)
    throw error
  }
}

function failed(cause: unknown): never {
  throw new CommandError('writing output file', cause)
}
