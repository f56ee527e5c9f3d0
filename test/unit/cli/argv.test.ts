import { describe, expect, test } from 'bun:test'
import { routeOf } from '../../../cli/route.ts'
import { tree } from '../../../cli/tree.ts'
import { parse } from './parse.ts'

const cid = 'bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44'

describe('flags of a command', () => {
  test.each([
    [`pin add --rmin 2 --name foo ${cid}`, { replicationMin: 2, name: 'foo', cid }],
    [`pin add ${cid} --rmin 2 --name foo`, { replicationMin: 2, name: 'foo', cid }],
    [`pin add -rmin 2 ${cid} -n foo`, { replicationMin: 2, name: 'foo', cid }],
    [`pin add --replication-min=2 -n=foo ${cid}`, { replicationMin: 2, name: 'foo', cid }],
    [`pin add --rmin -1 --rmax -1 ${cid}`, { replicationMin: -1, replicationMax: -1 }],
    [`pin add -r 3 ${cid}`, { replication: 3 }],
    [`pin add --name a --name b ${cid}`, { name: 'b' }],
    [`pin add --name= ${cid}`, { name: '' }],
    [`pin add --name --rmin ${cid}`, { name: '--rmin', cid }],
    [`pin add --metadata a=b ${cid} --metadata c=d=e`, { metadata: ['a=b', 'c=d=e'] }],
    [`pin add -w --wt 1m30s ${cid}`, { wait: true, waitTimeout: 90_000 }],
    [`pin add --wait=false --ns=1 ${cid}`, { wait: false, noStatus: true }],
    [`pin add --wl 2 ${cid}`, { waitLimit: 2 }],
    [`pin add ${cid}`, { waitLimit: undefined, mode: 'recursive', metadata: [], dryRun: false }],
    [
      'add -w -s size-10 -Q a b',
      { wrapWithDirectory: true, chunker: 'size-10', quieter: true, paths: ['a', 'b'] },
    ],
    ['add --no-stream --no-pin -H a', { noStream: true, noPin: true, hidden: true }],
    ['add -', { paths: ['-'] }],
    ['add -- -dash --car', { paths: ['-dash', '--car'], car: false }],
    ['state export -f out.json', { file: 'out.json' }],
    ['state import -f in.json', { force: true, file: 'in.json' }],
    ['init -s -f http://a.example/c', { customSecret: true, force: true, source: 'http://a.example/c' }],
    ['daemon -j /ip4/1.2.3.4/tcp/1 -u', { bootstrap: '/ip4/1.2.3.4/tcp/1', upgrade: true }],
    ['status a b --filter error', { cids: ['a', 'b'], filter: 'error' }],
  ])('%s', async (line, args) => {
    expect((await parse(line)).args).toMatchObject(args)
  })
})

describe('global flags', () => {
  test.each([
    ['--enc=json id', { encoding: 'json' }],
    ['id --encoding json', { encoding: 'json' }],
    ['--json id', { json: true }],
    ['id --json', { json: true }],
    ['-l /ip4/1.2.3.4/tcp/1 id', { host: '/ip4/1.2.3.4/tcp/1' }],
    ['id -l /ip4/1.2.3.4/tcp/1', { host: '/ip4/1.2.3.4/tcp/1' }],
    ['pin --host x ls', { host: 'x' }],
    ['-s -f -t 5 -d id', { https: true, forceHttp: true, timeout: 5, debug: true }],
    ['-c /tmp/a id', { config: '/tmp/a' }],
    ['-l debug daemon', { loglevel: 'debug', host: undefined }],
    ['daemon -l info,crdt:debug', { loglevel: 'info,crdt:debug' }],
    ['-f state import', { force: true, forceHttp: false }],
    ['--basic-auth a:b --force-http pin ls', { basicAuth: 'a:b', forceHttp: true }],
    ['--config=/tmp/a --debug=false init', { config: '/tmp/a', debug: false }],
  ])('%s', async (line, globals) => {
    expect((await parse(line)).globals).toMatchObject(globals)
  })

  test('after a command, its own letters win: -s cuts files, -f names a file, -w waits or wraps', async () => {
    const add = await parse('add -s size-1 x')
    expect(add.globals.https).toBe(false)
    const save = await parse('state export -f x')
    expect(save.globals.force).toBe(false)
  })
})

describe('mistakes', () => {
  test.each([
    [`pin add --rmni 2 ${cid}`, 'unknown flag --rmni of "cluster pin add"; did you mean --rmin?'],
    [`pin add --hots x ${cid}`, 'unknown flag --hots of "cluster pin add"; did you mean --host?'],
    [`pin add --zzzz ${cid}`, /^unknown flag --zzzz of "cluster pin add"; see cluster pin add --help$/],
    [`pin add --rmin two ${cid}`, 'flag --replication-min is "two"; it must be a whole number'],
    [`pin add --mode deep ${cid}`, 'flag --mode is "deep"; it must be one of recursive, direct'],
    [`pin add --wait=maybe ${cid}`, 'flag --wait is "maybe"; it must be true or false'],
    [`pin add --wt 5 ${cid}`, 'flag --wait-timeout is "5"; it must be a duration such as 30s or 1h30m'],
    [`pin add ${cid} --name`, 'flag --name needs a value'],
    ['pin add', '"cluster pin add" needs CID|path: what to pin'],
    [`pin add ${cid} other`, '"cluster pin add" does not take "other"'],
    ['id --encoding xml', 'flag --encoding is "xml"; it must be one of text, json'],
    ['--rmin 2 pin add x', 'unknown flag --rmin before a command; flags of a command come after it'],
    ['--hosts x id', 'unknown flag --hosts before a command; did you mean --host?'],
  ])('%s', async (line, message) => {
    const parsed = parse(line)
    await expect(parsed).rejects.toThrow(message)
    await expect(parsed).rejects.toHaveProperty('name', 'UsageError')
  })

  test.each([
    ['nonsense', 'unknown command "cluster nonsense"'],
    ['statsu', 'unknown command "cluster statsu"; did you mean "cluster status"?'],
    ['pin ad', 'unknown command "cluster pin ad"; did you mean "cluster pin add"?'],
    ['state improt x', 'did you mean "cluster state import"?'],
    ['help nonsense', 'unknown command "cluster nonsense"'],
  ])('%s', (line, message) => {
    expect(() => routeOf(tree, line.split(' '))).toThrow(message)
    try {
      routeOf(tree, line.split(' '))
    } catch (error) {
      expect(error).toHaveProperty('name', 'UnknownCommandError')
    }
  })
})

describe('help and version', () => {
  test.each([
    ['', []],
    ['--help', []],
    ['-h', []],
    ['help', []],
    ['pin', ['pin']],
    ['pin --help', ['pin']],
    ['help pin', ['pin']],
    ['--host x pin -h', ['pin']],
  ])('"%s" is help of a folder of commands', (line, path) => {
    expect(routeOf(tree, line.split(' ').filter(Boolean))).toMatchObject({ kind: 'help', path })
  })

  test.each([
    'pin add --help',
    'pin add -h',
    'pin add --zzz -h',
    'help pin add',
    'pin help add',
    '--help pin add',
  ])('"%s" is help of a command, whatever else is wrong', async (line) => {
    expect((await parse(line)).globals.help).toBe(true)
  })

  test.each(['--version', '-v', '--host x -v'])('"%s" is the version', (line) => {
    expect(routeOf(tree, line.split(' '))).toEqual({ kind: 'version' })
  })
})
