/** What people do at a shell, as they do it: lines for a shell, beside one peer that runs. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { apiServer } from '../unit/client/api-server.ts'
import { EXECUTABLE, type Finished, hasExecutable, PeerProcess, whyMissing } from './peer-process.ts'

const limit = 60_000

describe.skipIf(!hasExecutable)(`at a shell${whyMissing}`, () => {
  let peer: PeerProcess
  let cid: string

  beforeAll(async () => {
    peer = await PeerProcess.make()
    await peer.start()
    await writeFile(join(peer.home, 'file'), 'content')
    cid = (await peer.output('add', '-Q', '--cid-version', '1', join(peer.home, 'file'))).trim()
  }, limit)
  afterAll(async () => await peer[Symbol.asyncDispose]())

  /** Runs lines of bash in a folder of their own below the home of the peer; `$CID` is what was added. */
  async function shell(
    name: string,
    lines: string,
    environment: Record<string, string> = {},
  ): Promise<Finished> {
    const folder = join(peer.home, name)
    await mkdir(folder, { recursive: true })
    return await peer.run(['bash', '-c', lines], { folder, environment: { CID: cid, ...environment } })
  }

  test(
    'a path with slashes, an address of a browser and an upper-case CID are the same pin',
    async () => {
      const upper = `B${cid.slice(1).toUpperCase()}`
      for (const path of [
        `/ipfs/${cid}/`,
        `ipfs://${cid}/`,
        `/ipfs//${cid}`,
        upper,
        `/ipfs/${upper}`,
        `ipfs://${cid}?a=b#c`,
      ]) {
        const added = await peer.run([EXECUTABLE, 'pin', 'add', '--wait', path])
        expect([added.exitCode, added.stderr]).toEqual([0, ''])
        expect(added.stdout).toContain('PINNED')
      }
      const removed = await peer.run([EXECUTABLE, 'pin', 'rm', '--no-status', `/ipfs/${cid}/`])
      expect([removed.exitCode, removed.stderr]).toEqual([0, ''])
      const gone = await peer.run([EXECUTABLE, 'pin', 'ls', cid])
      expect([gone.exitCode, gone.stdout]).toEqual([2, ''])
      expect(gone.stderr).toContain('(the peer answered with 404)')
    },
    limit,
  )

  test(
    'a name in an ipfs:// address is unescaped, and one in a path is not',
    async () => {
      const { exitCode, stdout, stderr } = await shell(
        'escapes',
        `mkdir s && echo x > "s/Screen Shot #1?.png" && echo y > "s/100%20" && D=$(cluster add -r -Q s)
       cluster pin add --no-status "/ipfs/$D/Screen Shot #1?.png" | cut -d' ' -f1
       cluster pin add --no-status "ipfs://$D/Screen%20Shot%20%231%3F.png" | cut -d' ' -f1
       cluster pin add --no-status "ipfs://$D/Screen%20Shot%20%231%3F.png?filename=x#y" | cut -d' ' -f1
       cluster pin add --no-status "/ipfs/$D/100%20" | cut -d' ' -f1
       cluster add -Q --no-pin "s/100%20"`,
      )
      expect([exitCode, stderr]).toEqual([0, ''])
      const [path, uri, withQuery, percent, file] = stdout.trim().split('\n')
      expect([uri, withQuery]).toEqual([path, path])
      expect(percent).toBe(file!)
    },
    limit,
  )

  test(
    'a folder has one root, however it is spelled',
    async () => {
      const { stdout, stderr } = await shell(
        'spellings',
        `mkdir -p t/site/sub && echo a > t/site/a && echo b > t/site/sub/b && cd t/site
       before=$(cluster pin ls | wc -l)
       for p in . ./ sub/.. "$PWD" "$PWD/" ../site ../site/ ./. ; do cluster add -r -Q "$p"; done
       (cd sub && cluster add -r -Q ..)
       echo $(( $(cluster pin ls | wc -l) - before ))`,
      )
      expect(stderr).toBe('')
      const lines = stdout.trim().split('\n')
      expect(lines).toHaveLength(10)
      expect(new Set(lines.slice(0, 9)).size).toBe(1)
      expect(lines[9]).toBe('1')
    },
    limit,
  )

  test(
    'an empty argument is an error of each command that takes one',
    async () => {
      const { stdout, stderr } = await shell(
        'empty',
        `for c in "add -r" "pin add" "pin rm" "pin ls" "status" "recover" "peers rm" "state import -f"; do
         cluster $c "$UNSET"; echo $?; done
       cluster --config "$UNSET" state cleanup --force; echo $?`,
      )
      expect(stdout).toBe('1\n'.repeat(9))
      expect(stderr.match(/was given an empty argument/g)).toHaveLength(8)
      expect(stderr).toContain('flag --config is empty')
    },
    limit,
  )

  test(
    'links with a slash, and what the shell hands over, are followed',
    async () => {
      const { stdout, stderr } = await shell(
        'links',
        `mkdir site && echo hi > site/x && ln -s site current && echo hi > file
       cluster add -r -Q --name site current/; cluster add -r -Q site
       cluster add -Q <(echo hi); echo hi | cluster add -Q /dev/stdin; echo hi | cluster add -Q -; cluster add -Q file
       cluster add -Q current`,
      )
      const [current, site, pipe, stdin, dash, file, link] = stdout.trim().split('\n')
      expect(current).toBe(site!)
      expect([pipe, stdin, dash]).toEqual([file, file, file])
      expect(link).not.toBe(site)
      expect(stderr).toBe(
        'warning: current is a link and is added as one; current/ would add the folder that it leads to\n',
      )
    },
    limit,
  )

  test(
    'a name in another encoding is added with its bytes',
    async () => {
      const { stdout, stderr } = await shell(
        'encodings',
        `mkdir oldf && printf x > "oldf/$(printf 'caf\\351.txt')" && printf y > oldf/ok.txt && ln -s "$(printf 'caf\\351.txt')" oldf/link
       cluster add -r -Q oldf; cluster add -r -q oldf | wc -l; cluster add -r oldf | grep -c 'caf'`,
      )
      // As "ipfs add -r -Q" of Kubo 0.42 gives it.
      expect([stdout, stderr]).toEqual(['QmZNDDqb7ZUPJdDsHrC7TNjsCKTKJuej5Ws4Lt2FzxujAo\n4\n1\n', ''])
    },
    limit,
  )

  test(
    'what cannot be added is named before a byte is sent',
    async () => {
      const { stdout, stderr } = await shell(
        'pipes',
        `mkdir v && head -c 5000000 /dev/urandom > v/a && mkfifo v/zz.fifo
       before=$(du -sk ~/.ipfs-cluster/ipfs | cut -f1); cluster add -r v; echo $?
       after=$(du -sk ~/.ipfs-cluster/ipfs | cut -f1); test $((after - before)) -lt 4000 && echo nothing sent`,
      )
      expect(stdout).toBe('1\nnothing sent\n')
      expect(stderr).toContain('v/zz.fifo is a named pipe, which cannot be added')
    },
    limit,
  )

  test(
    'a web address is added by a sensible name',
    async () => {
      await using web = await apiServer((_asked, response) => void response.end('from the web'))
      const { stdout, stderr } = await shell(
        'web',
        `cluster add "$W/100%.txt" | cut -d' ' -f3-; cluster add "$W/" | cut -d' ' -f3-; cluster add -w "$W/x?y=1" | cut -d' ' -f3-`,
        { W: web.url },
      )
      expect([stdout, stderr]).toEqual(['100%.txt\n127.0.0.1\nx\n\n', ''])
    },
    limit,
  )

  test(
    'a name with a line break takes one row, and its pin is found by its first field',
    async () => {
      const { stdout, stderr } = await shell(
        'names',
        `C=$(echo named | cluster add -Q --name $'a | b\\nc\\e[2J' --metadata k=v=w --metadata 'q="$x"' -)
       cluster pin ls $C | wc -l; test "$(cluster pin ls $C | cut -d' ' -f1)" = $C && echo found
       cluster status $C | wc -l; cluster --json pin ls $C | jq -c '[.name, .metadata.k, .metadata.q]' 2>/dev/null || cluster --json pin ls $C | grep -c 'a | b\\\\nc'
       cluster pin add --metadata =x $C; echo $?`,
      )
      expect(stdout.split('\n').slice(0, 3)).toEqual(['1', 'found', '2'])
      expect(stdout).toEndWith('\n1\n')
      expect(stderr).toBe('error parsing metadata: "=x" has no key before its "="\n')
    },
    limit,
  )

  test(
    'an error is no value: X=$(cluster …) is empty, and the exit code tells',
    async () => {
      const { stdout, stderr } = await shell(
        'errors',
        `X=$(cluster status bafkqaaa -l /ip4/127.0.0.1/tcp/1); echo "[$X] $?"
       X=$(cluster pin rm bafkqabtimvwgy3yk); echo "[$X] $?"
       X=$(cluster pin add nope); echo "[$X] $?"; X=$(cluster status nope); echo "[$X] $?"
       cluster pin list; echo $?; cluster pinadd; echo $?`,
      )
      expect(stdout).toBe('[] 1\n[] 2\n[] 1\n[] 1\n3\n3\n')
      expect(stderr).toContain('(the peer answered with 404)')
      expect(
        stderr.match(/^error parsing cid: invalid cid: selected encoding not supported$/gm),
      ).toHaveLength(2)
      expect(stderr).toContain('did you mean "cluster pin ls"?')
      expect(stderr).toContain('did you mean "cluster pin add"?')
    },
    limit,
  )

  test(
    'what pin ls prints can be imported, and exports go where they are sent',
    async () => {
      const { stdout, stderr } = await shell(
        'import',
        `cluster --json pin ls > pins.json; cluster state export -f lines.json; ln -s lines.json link
       cluster --config ./p2 init --ipfs embedded --randomports
       cluster --config ./p2 state import -f pins.json; echo $?
       cluster --config ./p2 state export | cmp - lines.json; echo $?
       printf '\\xef\\xbb\\xbf' | cat - lines.json | cluster --config ./p2 state import -f; echo $?
       cluster --config ./p2 state export -f link; test -L link && echo still a link; cmp link pins.json > /dev/null; echo $?
       cluster --config ./p2 state export -f >(wc -l) | cat; ls -a | grep -c partial`,
      )
      expect(stderr).not.toContain('error')
      const lines = stdout.split('\n')
      expect(lines.slice(0, 5)).toEqual(['0', '0', '0', 'still a link', '1'])
      expect(lines).toContain('0')
    },
    limit,
  )

  test(
    'what a configuration says that cannot be, config validate says too',
    async () => {
      const { stdout, stderr } = await shell(
        'configuration',
        `cluster --config ./p init --ipfs embedded --randomports 2>/dev/null
       CLUSTER_RESTAPI_BASICAUTHCREDENTIALS='{user:secret}' cluster --config ./p config validate; echo $?
       CLUSTER_RESTAPI_BASICAUTHCREDENTIALS='{"user":"se,cret"}' cluster --config ./p config validate; echo $?
       CLUSTER_PEERADDRESSES=/ip4/10.0.0.7/tcp/9096 cluster --config ./p config validate; echo $?
       cluster --config ./q init http://ann:hunter2@example.org/c?token=1; echo $?
       CLUSTER_SECRET= cluster --config ./r init --ipfs embedded --randomports; echo $?`,
      )
      expect(stdout.split('\n').filter((line) => /^\d$/.test(line))).toEqual(['1', '0', '0', '1', '0'])
      expect(stderr).toContain('without quotes or braces around them; or JSON')
      expect(stderr).toContain('/ip4/10.0.0.7/tcp/9096 does not end in /p2p/<peer ID>')
      expect(stderr).toContain('http://example.org/c: it must be https://')
      expect(stderr).toContain('warning: CLUSTER_SECRET is set and empty')
      expect(stderr).not.toMatch(/hunter2|token=|secret}/)
    },
    limit,
  )
})
