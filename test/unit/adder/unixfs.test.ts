/** The CIDs are those that Kubo 0.42 gives (`ipfs add -n`). */
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { AddParameters, UploadPart } from '../../../core/adder/add.ts'
import { BlockMaker } from '../../../core/adder/block-maker.ts'
import { chunkerNamed } from '../../../core/adder/chunker.ts'
import { UploadTooLargeError } from '../../../core/adder/errors.ts'
import { hashFunctionNamed } from '../../../core/adder/hashing.ts'
import { importUnixfs } from '../../../core/adder/importer.ts'
import { add, file } from './add-rig.ts'
import { mixedBytes } from './mixed-bytes.ts'

const v1 = { cidVersion: 1, rawLeaves: true } as const
const wrappedV1 = { cidVersion: 1 } as const
const trickle = { layout: 'trickle' } as const
const rawTrickle = { layout: 'trickle', rawLeaves: true } as const

describe('a file has the CID that Kubo gives it', () => {
  const cases: [length: number, parameters: Partial<AddParameters>, cid: string][] = [
    [0, {}, 'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH'],
    [0, v1, 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'],
    [0, wrappedV1, 'bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4y'],
    [0, rawTrickle, 'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH'],
    [0, { chunker: 'buzhash' }, 'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH'],
    [11, {}, 'QmQ9xRaWxsUpnKH4gWsQywFdhb7A6v31CcbQwmmVf3EzEZ'],
    [11, v1, 'bafkreigqd7s2bwky7y53hhoevgebli32ovfqu5cmtfbyalnwwoofcrtjaa'],
    [11, wrappedV1, 'bafybeia27ib7domdjawkq4b25zhbdupgco3mtglxiesj6pevoiav2m7u7y'],
    [11, trickle, 'QmaXUTZAUciMNVCMpv4DqmD2uH1yS2vhsbsBSUCCHQoxv3'],
    [11, rawTrickle, 'QmYL7o1hoYBvgpDjU89GJgXak3Hnfg5LQbhYvQJwBj5u89'],
    [262_144, {}, 'QmcoFpbzFHvX6tRNmsgEHqv2C1SvRKz1EgxhDtTmRdGdva'],
    [262_144, v1, 'bafkreib4o5rkgxqzovgxhx7fh325skofdf2mgi3ixvm2nvzf7jo2k5334m'],
    [262_145, {}, 'QmRbhFhcLKBDBEvAEfzPVa2tESoHczsb51ADsCsrBE5jWQ'],
    [262_145, v1, 'bafybeier3exiohnul5qi4hfulpi6qs2btgy7u7ylirvsipis5ydwrc5wdq'],
    [262_145, wrappedV1, 'bafybeihi4q6h4lzllqkrvfojuqf6b2oqlwwzeusutxkg535psuvsdcwoq4'],
    [262_145, trickle, 'QmRhvg76TvpkF9Jz3W6FZqtHjVTKwo676XF5NBtJTqKrmg'],
    [3_000_000, {}, 'QmWyiW2mG1oFfw6xDzdWG7cBb6nrJDUpY2CPiaLxQp2RYH'],
    [3_000_000, { chunker: 'size-1000' }, 'QmZPCqCBcckbqhGS5b2pVN7Vm5PfoLKTd6mbwpSgP4txmQ'],
    [3_000_000, { ...trickle, chunker: 'size-1000' }, 'QmPodrAF3jNVDBR7nE38oG9T2HS7M1RsjTzLGvPs72PSUD'],
    [3_000_000, { chunker: 'rabin' }, 'Qmbncsft2L5zRJhLum1qmJooVDhoGw2B5vnsSAbEaLcJop'],
    [3_000_000, { chunker: 'rabin-8192' }, 'QmcPRCFxz996sTL4cGjnirJKi5XBJH1PjFm9zHJGuwAatu'],
    [3_000_000, { chunker: 'rabin-16-64-128' }, 'QmXR679M4ejCiX2qnaNj8vzn1TeqoNjkTvNEXggHRGrcL3'],
    [3_000_000, { chunker: 'buzhash' }, 'QmbLTVqB9BcuF3PHNeuqdW4eZ1VSi4NUqCiYNAirCLMJG3'],
  ]
  test.each(cases)('%d bytes with %j: %s', async (length, parameters, cid) => {
    const { root, pinned, error } = await add([file('a', mixedBytes(length))], parameters)
    expect([error, root, pinned]).toEqual([undefined, cid, [cid]])
  })

  const hashes: Record<string, string> = {
    'sha2-512':
      'bafkrgqhpck37gamfo6oy3t25dv3pfckd3kydvr52x3m2qliztnz5nphwmys5b62dk3rnh657xwghh2ylmgkv4pzq2htpxabj74ru7zqwxwseo',
    'sha3-256': 'bafkrmiffqbdgbd6wy7be77vbw3aekkzpljgewsmcwg45kngmi6zjfkavei',
    'blake2b-256': 'bafk2bzaceaverruychgftlifwbxfexdeclgnblibk3h7o5qfjron3kj6doas4',
    'blake2b-160': 'bafkzjzacctxhjuoe7v35apfd2qr6xw7ls5yfgjwk5e',
    'blake2s-256': 'bafk6bzacedupjx7dthjky5ur4wguw7dyg3io5nltwcrrnfsoylqq34ppytmue',
    sha1: 'bafkrcfd6euarir4pbry4csm2ofg6v65r54havcy',
    'dbl-sha2-256': 'bafkvmigijenkuqgkqhj2rxzhd5rek3vbdwlrwyds3s54pxg4526ja3vf2a',
    blake3: 'bafkr4ibadh2xhsadtvg76p7j5tqcloi7nr43kyubtd2zupswxbtdyoevoi',
    'keccak-256': 'bafkrwiemestwju2aj3slgt7s56bglkj6vyhgjtc37jtmdli7it5jmshqpm',
  }
  test.each(Object.entries(hashes))('by %s', async (hash, cid) => {
    expect((await add([file('a', mixedBytes(11))], { ...v1, hash })).root).toBe(cid)
  })

  test('however its bytes come', async () => {
    const content = mixedBytes(700_000)
    const chunkers = ['size-262144', 'size-1000', 'rabin-8192', 'buzhash']
    const expected = await Promise.all(chunkers.map((chunker) => add([file('a', content)], { chunker })))
    await fc.assert(
      fc.asyncProperty(fc.nat(3), fc.integer({ min: 500, max: 600_000 }), async (index, pieceLength) => {
        const again = await add([file('a', content, pieceLength)], { chunker: chunkers[index]! })
        expect(again.root).toBe(expected[index]!.root)
      }),
      { numRuns: 20 },
    )
  })
})

describe('a folder has the CID that Kubo gives it', () => {
  const tree = () => [
    { kind: 'directory' as const, path: 'folder' },
    file('folder/b', 'bb'),
    file('folder/sub/z', 'zz'),
    { kind: 'directory' as const, path: 'folder/none' },
    file('folder/ä', 'ää'),
    file('folder/sub/deep/y', 'yy'),
    { kind: 'symlink' as const, path: 'folder/link', target: 'sub/z' },
    file('folder/a', 'aa'),
  ]

  test('with folders, links and other letters in it', async () => {
    const { root, outputs } = await add(tree())
    expect(root).toBe('QmXKAEAS3jTHNyUjvq4ooEQVkJvLj3pTX3DdtD87x6MnTw')
    expect(outputs.map(({ name }) => name)).toEqual([
      'folder/b',
      'folder/sub/z',
      'folder/ä',
      'folder/sub/deep/y',
      'folder/link',
      'folder/a',
      'folder/none',
      'folder/sub/deep',
      'folder/sub',
      'folder',
    ])
    const withV1 = await add(tree(), v1)
    expect(withV1.root).toBe('bafybeigalkc37du6s7hcvg74l4eucgwdhjdib3tna3xapuz6whstfwop4y')
  })

  test('with names in another encoding', async () => {
    const tree = () => [
      { kind: 'directory' as const, path: 'old' },
      file('old/caf\udce9.txt', 'x'),
      file('old/ok.txt', 'y'),
      { kind: 'symlink' as const, path: 'old/link', target: 'caf\udce9.txt' },
    ]
    expect((await add(tree())).root).toBe('QmZNDDqb7ZUPJdDsHrC7TNjsCKTKJuej5Ws4Lt2FzxujAo')
    expect((await add(tree(), v1)).root).toBe('bafybeiavkwvy6wmksdxyve3dlja4gjpqbijjp2tuyc37vlkrzwrbta5qgu')
  })

  /** 44 bytes of name and CID each: above 262,144 of them a folder is sharded. */
  const sizes: [count: number, cid: string][] = [
    [5_957, 'Qmf7UeXun59LHfa4DUpcKpP39VhWhVthZGhZ5yPsiNnbsa'],
    [5_958, 'QmazLpS2nA8Nt2SFZckByu28dCzttSx2E4XGv3iP6UKVdj'],
    [7_000, 'QmZCjQgTRBsnYZNWrPJyLUUK41PxqwomBbd1Jhv3gwXhEA'],
  ]
  test.each(sizes)('with %d entries', async (count, cid) => {
    const names = Array.from({ length: count }, (_, index) => `many/${String(index).padStart(10, '0')}`)
    // In whatever order they come.
    const files = names.toReversed().map((name) => file(name, ''))
    expect((await add(files)).root).toBe(cid)
  })
})

describe('what is at the top', () => {
  test('is a root each, and each is pinned', async () => {
    const { outputs, pinned } = await add([
      file('a', 'aa'),
      file('d1/x', 'x'),
      file('d2/y', 'y'),
      file('b', 'bb'),
      file('again', 'aa'),
    ])
    expect(outputs.map(({ name }) => name)).toEqual(['a', 'd1/x', 'd1', 'd2/y', 'd2', 'b', 'again'])
    const roots = outputs.filter(({ name }) => !name.includes('/')).map(({ cid }) => cid!.toString())
    expect(pinned).toEqual([...new Set(roots)])
  })

  test('is one root when wrapped, whose name is empty', async () => {
    const { outputs, pinned } = await add([file('d/x', 'x'), file('a', 'aa'), file('d/y', 'y')], {
      wrapWithDirectory: true,
    })
    expect(outputs.map(({ name }) => name)).toEqual(['d/x', 'a', 'd/y', 'd', ''])
    expect(pinned).toEqual([outputs.at(-1)!.cid!.toString()])
  })

  test('may have no name; in a folder it then has that of its CID', async () => {
    const alone = await add([file('', 'x')])
    expect(alone.outputs.map(({ name }) => name)).toEqual([''])
    const wrapped = await add([file('', 'x')], { wrapWithDirectory: true })
    expect(wrapped.outputs.map(({ name, cid }) => [name, cid!.toString()])).toEqual([
      ['', 'QmULKig5Fxrs2sC4qt9nNduucXfb92AFYQ6Hi3YRqDmrYC'],
      ['', 'QmSjZYFWJr6iVW92e2xiunAF3tiJJLpeeyMkTwvqsYeCsM'],
    ])
  })
})

describe('the hash identity', () => {
  test('puts the content into the CID, and nothing is stored', async () => {
    const { outputs, pinned, blocks, error } = await add([file('a', 'hello')], {
      hash: 'identity',
      cidVersion: 1,
      rawLeaves: true,
    })
    expect([error, pinned, blocks.size]).toEqual([undefined, ['bafkqablimvwgy3y'], 0])
    expect(String(outputs[0]?.cid)).toBe('bafkqablimvwgy3y')
  })

  test('takes 128 bytes and no more', async () => {
    const options = { hash: 'identity', cidVersion: 1, rawLeaves: true } as const
    expect((await add([file('a', 'x'.repeat(128))], options)).error).toBeUndefined()
    const { error, pinned } = await add([file('a', 'x'.repeat(129))], options)
    expect([error?.name, pinned]).toEqual(['HashFunctionError', []])
    expect(error?.message).toContain('at most 128 bytes')
  })
})

describe('an upload is refused', () => {
  test.each(['files', 'folders', 'folders in folders'])(
    'with more %s than are held in memory',
    async (what) => {
      let read = 0
      async function* parts(): AsyncGenerator<UploadPart> {
        for (; read < 20_000; read++) {
          if (what === 'files') yield file(`${read}`.padEnd(100, '-'), '')
          else if (what === 'folders') yield { kind: 'directory', path: `${read}` }
          else yield { kind: 'directory', path: `${read}${'/a'.repeat(99)}` }
        }
      }
      const blocks = new BlockMaker({
        cidVersion: 1,
        hash: hashFunctionNamed('sha2-256'),
        emit: async () => undefined,
      })
      const options = {
        chunker: chunkerNamed('size-1000'),
        layout: 'balanced',
        rawLeaves: true,
        progress: false,
      } as const
      const limits = { wrapWithDirectory: true, folderBytesLimit: 1_000_000 }
      const imported = (async () => {
        for await (const _ of importUnixfs(parts(), blocks, { ...options, ...limits }));
      })()
      const error = await imported.catch((thrown: Error) => thrown)
      expect(error).toBeInstanceOf(UploadTooLargeError)
      expect(read).toBeLessThan(10_000)
    },
  )

  const refused: [why: string, paths: string[], message: string][] = [
    ['that leads out of its folder', ['d/../../x'], 'leads out of its folder'],
    ['with a NUL byte in a path', ['d/a\0b'], 'has a NUL byte'],
    ['with a path too deep', [Array(300).fill('d').join('/')], 'has more than 256 names'],
    ['with a name too long', ['x'.repeat(1025)], 'has a name of more than 1024 bytes'],
    ['with the same path twice', ['d/x', 'd/y', 'd/x'], 'two entries of one folder have the name "x"'],
    ['with a file where a folder is', ['d/x/y', 'd/x'], 'two entries of one folder have the name "x"'],
  ]
  test.each(refused)('%s', async (_, paths, message) => {
    const { error, pinned } = await add(paths.map((path) => file(path, path)))
    expect(error?.name).toBe('UploadPathError')
    expect(error?.message).toContain(message)
    expect(pinned).toEqual([])
  })

  test('with more roots than are pinned at once', async () => {
    const files = Array.from({ length: 10_001 }, (_, index) => file(`${index}`, `${index}`))
    const { error, pinned } = await add(files)
    expect([error?.name, pinned]).toEqual(['UploadTooLargeError', []])
  })

  const chunkers: [words: string, message: string][] = [
    ['bogus', 'unrecognized chunker option: bogus'],
    ['size', 'incorrect chunker string format (expected size-{size})'],
    ['size-0', 'chunker size must be greater than 0'],
    ['size-1x', 'chunker size is not a number: "1x"'],
    ['size-2096897', 'chunker parameters may not exceed the maximum chunk size of 2096896'],
    ['rabin-1398102-1398103-2096897', 'chunker parameters may not exceed the maximum chunk size of 2096896'],
    ['rabin-20-10-30', 'incorrect format: rabin-min must be smaller than rabin-avg'],
    ['rabin-20-30-30', 'incorrect format: rabin-avg must be smaller than rabin-max'],
    ['rabin-15-30-40', 'rabin min must be greater than 16'],
    ['rabin-1-2', "incorrect format (expected 'rabin' 'rabin-[avg]' or 'rabin-[min]-[avg]-[max]'"],
  ]
  test.each(chunkers)('with the chunker %s', async (chunker, message) => {
    const { error } = await add([file('a', 'a')], { chunker })
    expect(error?.name).toBe('ChunkerError')
    expect(error?.message).toStartWith(message)
  })

  test('with a hash function that is not known, or not one of CIDv0', async () => {
    const unknown = await add([file('a', 'a')], { hash: 'md5', cidVersion: 1 })
    expect(unknown.error?.message).toStartWith('hash function name not known: "md5"')
    const v0 = await add([file('a', 'a')], { hash: 'sha2-512' })
    expect(v0.error?.message).toBe('invalid cid: invalid v0 prefix: sha2-512 needs cid-version=1')
  })
})
