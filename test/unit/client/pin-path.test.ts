import { describe, expect, test } from 'bun:test'
import { base32upper } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { pinPath } from '../../../core/client/pin-path.ts'

const cid = 'bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44'
const upper = CID.parse(cid).toString(base32upper)

describe('what is pinned', () => {
  test.each([
    cid,
    `${cid}/`,
    `/ipfs/${cid}`,
    `/ipfs/${cid}/`,
    `/ipfs//${cid}//`,
    `//ipfs/${cid}`,
    `/ipfs/${cid}/.`,
    `/ipfs/${cid}/a/..`,
    `ipfs://${cid}`,
    `ipfs://${cid}/`,
    `IPFS://${cid}/?download=true#top`,
    upper,
    `/ipfs/${upper}`,
    `ipfs://${upper}/`,
    CID.parse(cid).toString(base36),
  ])('%s is the one CID', (text) => {
    expect(pinPath(text)).toEqual(['ipfs', cid])
  })

  test.each([
    [`${cid}/a/b`, ['ipfs', cid, 'a', 'b']],
    [`/ipfs/${upper}/a//b/`, ['ipfs', cid, 'a', 'b']],
    [`/ipfs/${cid}/Screen Shot #1?.png`, ['ipfs', cid, 'Screen Shot #1?.png']],
    [`/ipfs/${cid}/100%20`, ['ipfs', cid, '100%20']],
    [`ipfs://${cid}/Screen%20Shot%20%231%3F.png`, ['ipfs', cid, 'Screen Shot #1?.png']],
    [`ipfs://${cid}/Screen%20Shot%20%231%3F.png?filename=x#y`, ['ipfs', cid, 'Screen Shot #1?.png']],
    [`ipfs://${cid}/100%.txt`, ['ipfs', cid, '100%.txt']],
    [`/ipfs/${cid}/a/../b`, ['ipfs', cid, 'b']],
    ['/ipns/docs.example/a b?c', ['ipns', 'docs.example', 'a b?c']],
    ['ipns://docs.example/a%20b?c', ['ipns', 'docs.example', 'a b']],
    [`/ipld/${cid}/x`, ['ipld', cid, 'x']],
  ])('%s is a path', (text, names) => {
    expect(pinPath(text)).toEqual(names)
  })

  test.each(['nope', '-', '/ipfs/nope', 'nope/a', 'ipfs://nope/x'])(
    '%s has the text of a CID that is none',
    (text) => {
      expect(() => pinPath(text)).toThrow(/^invalid cid: /)
    },
  )

  test.each([
    '',
    '/',
    '/ipfs',
    '/ipfs/',
    'ipfs://',
    '/tmp/file',
    `/ipfs/${cid}/../..`,
    `ipfs://${cid}/%2e%2e`,
  ])('%p is refused with the forms that are taken', (text) => {
    expect(() => pinPath(text)).toThrow(/ is neither a CID nor a path; a path is \/ipfs\//)
  })
})
