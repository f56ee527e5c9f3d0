/** What is added here has the CIDs that `ipfs add` of Kubo gives for the same options. */
import { expect, test } from 'bun:test'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import type { AddParameters, UploadPart } from '../../core/adder/add.ts'
import { type Adder, createAdder } from '../../core/adder/adder.ts'
import type { BlockSink } from '../../core/adder/block-sink.ts'
import { createKubo } from '../../core/ipfs/kubo/kubo.ts'
import { caseTimeout, pinOptions } from '../unit/ipfs/compliance-calls.ts'
import { collect, each } from '../unit/ipfs/dag-fixtures.ts'
import { quietRuntime } from '../unit/ipfs/test-runtime.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { KuboNode } from './rig/kubo.ts'
import { removeFolder, run, temporaryFolder } from './rig/processes.ts'

interface Options {
  cidVersion?: 0 | 1
  rawLeaves?: boolean
  chunker?: string
  layout?: 'balanced' | 'trickle'
  wrapWithDirectory?: boolean
  hash?: string
}

await describeWithGo('an add', ({ path }) => {
  const cases: [name: string, file: keyof ReturnType<typeof makeFiles>, options: Options][] = [
    ['an empty file', 'empty', {}],
    ['an empty file with raw leaves', 'empty', { rawLeaves: true }],
    ['an empty file in a trickle DAG', 'empty', { layout: 'trickle' }],
    ['a small file', 'small', {}],
    ['a small file with CIDv1', 'small', { cidVersion: 1 }],
    ['a small file with CIDv1 without raw leaves', 'small', { cidVersion: 1, rawLeaves: false }],
    ['a small file with raw leaves of CIDv0', 'small', { cidVersion: 0, rawLeaves: true }],
    ['a file of exactly one chunk', 'chunk', {}],
    ['a file of two chunks', 'large', { chunker: 'size-1000000' }],
    ['a file of some chunks', 'large', { rawLeaves: true }],
    ['a file of three levels', 'large', { chunker: 'size-40' }],
    ['a trickle DAG', 'large', { layout: 'trickle', chunker: 'size-100' }],
    ['a trickle DAG with raw leaves', 'large', { layout: 'trickle', chunker: 'size-1000', cidVersion: 1 }],
    ['rabin chunks', 'large', { chunker: 'rabin' }],
    ['small rabin chunks', 'large', { chunker: 'rabin-512-1024-2048', cidVersion: 1 }],
    ['rabin chunks of an average', 'large', { chunker: 'rabin-2000' }],
    ['buzhash chunks', 'large', { chunker: 'buzhash', cidVersion: 1 }],
    ['sha2-512', 'large', { hash: 'sha2-512', cidVersion: 1 }],
    ['sha3-256', 'small', { hash: 'sha3-256', cidVersion: 1 }],
    ['blake2b-256', 'small', { hash: 'blake2b-256', cidVersion: 1 }],
    ['a wrapped file', 'small', { wrapWithDirectory: true }],
    ['a folder', 'tree', {}],
    ['a folder with CIDv1', 'tree', { cidVersion: 1 }],
    ['a wrapped folder with raw leaves', 'tree', { wrapWithDirectory: true, rawLeaves: true }],
    ['a folder with very many files', 'crowd', {}],
    ['a folder with very many files with CIDv1', 'crowd', { cidVersion: 1 }],
  ]

  test(
    'makes the CIDs of Kubo',
    async () => {
      const folder = temporaryFolder('cid-equality')
      const repo = join(folder, 'repo')
      const files = makeFiles(folder)
      try {
        await run([path.ipfs, 'init', '--profile', 'test', '--empty-repo'], { IPFS_PATH: repo })
        for (const [name, file, options] of cases) {
          const ours = await addHere(adderInto(discard), files[file], options)
          const theirs = await addWithKubo(path.ipfs, repo, files[file], options)
          expect(ours, name).toEqual(theirs)
        }
      } finally {
        removeFolder(folder)
      }
    },
    caseTimeout * 2,
  )

  test(
    'is whole on Kubo: the bytes come back',
    async () => {
      await using node = await KuboNode.start({ program: path.ipfs })
      await using ipfs = createKubo({ address: node.api, runtime: quietRuntime() })
      const added = temporaryFolder('added')
      try {
        const tree = makeTree(added)
        const adder = adderInto({ put: (blocks, { signal }) => ipfs.putBlocks(blocks, { signal }) })
        const lines = await addHere(adder, tree, { cidVersion: 1, chunker: 'size-5000' })
        const root = lines.get(basename(tree))!
        await ipfs.pin(await ipfs.resolve(`/ipfs/${root}`), pinOptions({ stallTimeout: 5_000 }))
        await node.ipfs('get', `/ipfs/${root}`, '-o', join(added, 'back'))
        expect(contentOf(join(added, 'back'))).toEqual(contentOf(tree))
      } finally {
        removeFolder(added)
      }
    },
    caseTimeout,
  )
})

function makeFiles(folder: string) {
  const write = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }
  const crowd = join(folder, 'crowd')
  mkdirSync(crowd)
  for (let i = 0; i < 5_000; i++)
    writeFileSync(join(crowd, `a file with a long name, number ${i}`), `${i % 7}`)
  return {
    empty: write('empty', new Uint8Array()),
    small: write('small', noise(1_000, 1)),
    chunk: write('chunk', noise(262_144, 5)),
    large: write('large', noise(1_500_001, 2)),
    tree: makeTree(folder),
    crowd,
  }
}

/** A folder with folders, an empty one too, names with spaces and beyond ASCII, equal files, and a link. */
function makeTree(folder: string): string {
  const tree = join(folder, 'tree')
  mkdirSync(join(tree, 'a', 'b c', 'empty folder'), { recursive: true })
  writeFileSync(join(tree, 'hello.txt'), 'hello')
  writeFileSync(join(tree, 'Grüße ☃.txt'), noise(2_000, 3))
  writeFileSync(join(tree, 'a', 'same.txt'), 'hello')
  writeFileSync(join(tree, 'a', 'b c', 'deep.bin'), noise(600_000, 4))
  writeFileSync(join(tree, 'a', '0'), '')
  symlinkSync('../hello.txt', join(tree, 'a', 'link'))
  return tree
}

/** Bytes that look random and are always the same. */
function noise(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = seed
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** CIDs by name, as `ipfs add` tells them. */
async function addWithKubo(
  program: string,
  repo: string,
  file: string,
  options: Options,
): Promise<Map<string, string>> {
  const {
    cidVersion = 0,
    rawLeaves = cidVersion === 1,
    chunker = 'size-262144',
    layout,
    hash = 'sha2-256',
  } = options
  const flags = [
    '--recursive',
    '--only-hash',
    '--progress=false',
    `--cid-version=${cidVersion}`,
    `--raw-leaves=${rawLeaves}`,
    `--chunker=${chunker}`,
    `--hash=${hash}`,
    `--trickle=${layout === 'trickle'}`,
    `--wrap-with-directory=${options.wrapWithDirectory ?? false}`,
  ]
  const output = await run([program, 'add', ...flags, file], { IPFS_PATH: repo })
  const lines = output.split('\n').map((line) => /^added (\S+) ?(.*)$/.exec(line))
  return new Map(lines.flatMap((line) => (line ? [[line[2]!, line[1]!]] : [])))
}

async function addHere(adder: Adder, file: string, options: Options): Promise<Map<string, string>> {
  const {
    cidVersion = 0,
    rawLeaves = cidVersion === 1,
    chunker = '',
    layout = 'balanced',
    hash = 'sha2-256',
  } = options
  const parameters: AddParameters = {
    pin: {
      replicationFactorMin: -1,
      replicationFactorMax: -1,
      name: '',
      mode: 'recursive',
      shardSize: 0n,
      userAllocations: [],
      metadata: {},
      origins: [],
    },
    format: 'unixfs',
    layout,
    chunker,
    hash,
    cidVersion,
    rawLeaves,
    wrapWithDirectory: options.wrapWithDirectory ?? false,
    shard: false,
    local: false,
    progress: false,
    noPin: true,
    nocopy: false,
  }
  const lines = await collect(adder.add(each(partsOf(file, basename(file))), parameters))
  return new Map(lines.map(({ name, cid }) => [name, String(cid)]))
}

/** A file or folder as a client sends it: folders before what is in them, names in order. */
function* partsOf(file: string, path: string): Generator<UploadPart> {
  const stat = lstatSync(file)
  if (stat.isSymbolicLink()) {
    yield { kind: 'symlink', path, target: readlinkSync(file) }
  } else if (stat.isDirectory()) {
    yield { kind: 'directory', path }
    for (const name of readdirSync(file).sort()) yield* partsOf(join(file, name), `${path}/${name}`)
  } else {
    yield { kind: 'file', path, content: each([new Uint8Array(readFileSync(file))]) }
  }
}

/** Every file, folder and link below `file`, with its bytes or target. */
function contentOf(file: string): [path: string, content: string][] {
  return readdirSync(file, { recursive: true, withFileTypes: true })
    .map((entry): [string, string] => {
      const full = join(entry.parentPath, entry.name)
      const content = entry.isSymbolicLink()
        ? readlinkSync(full)
        : entry.isFile()
          ? readFileSync(full, 'base64')
          : ''
      return [full.slice(file.length), content]
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function adderInto(sink: BlockSink): Adder {
  return createAdder({
    self: 'me',
    allocate: async () => ['me'],
    sinkFor: () => sink,
    pin: async () => undefined,
    logger: quietRuntime().logger,
  })
}

const discard: BlockSink = {
  async put(blocks) {
    for await (const _ of blocks);
  },
}
