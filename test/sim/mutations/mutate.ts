/** Puts one deliberate defect into the code, as it is loaded: the files stay as they are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { plugin } from 'bun'
import { type Mutation, mutations } from './mutations.ts'

const top = join(import.meta.dir, '../../..')

/** To be called before the file in question is loaded. Throws `RangeError` when there is no such defect. */
export function mutate(name: string): void {
  const mutation = mutations[name]
  if (mutation === undefined) throw new RangeError(`no mutation is called "${name}"`)
  const path = join(top, mutation.file)
  const contents = mutated(mutation)
  plugin({
    name: 'mutation',
    setup(build) {
      build.onLoad({ filter: new RegExp(`${mutation.file.replaceAll('.', '\\.')}$`) }, (loaded) => ({
        contents: loaded.path === path ? contents : readFileSync(loaded.path, 'utf8'),
        loader: 'ts',
      }))
    },
  })
}

/** The text of the file with the defect. Throws `RangeError` unless the place is there exactly once. */
export function mutated({ file, find, put }: Mutation): string {
  const text = readFileSync(join(top, file), 'utf8')
  const places = text.split(find).length - 1
  if (places !== 1) throw new RangeError(`${file} has ${places} places for a mutation, of: ${find}`)
  return text.replace(find, () => put)
}
