import { describe, expect, test } from 'bun:test'
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type FileSelection, survey, walk } from '../../../core/client/files.ts'
import { multipartBody, type Upload } from '../../../core/client/upload.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { run } from '../cli/program.ts'
import { addressOf } from '../cli/program-setup.ts'
import { apiServer, sendLines } from './api-server.ts'

const cid = 'bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44'

function selected(...paths: string[]): FileSelection {
  return { paths, recursive: true, hidden: false }
}

async function found(...paths: string[]): Promise<string[]> {
  const uploads = await Array.fromAsync(walk(selected(...paths)), async (upload: Upload) => {
    if (upload.kind === 'file') return `${upload.path}=${await textOf(upload.content)}`
    return upload.kind === 'symlink' ? `${upload.path}->${upload.target}` : `${upload.path}/`
  })
  return uploads
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(content)).toString()
}

/** A folder `site` with a file and a folder in it. */
async function site() {
  const folder = await temporaryFolder()
  await mkdir(join(folder.path, 'site/sub'), { recursive: true })
  await writeFile(join(folder.path, 'site/a'), 'A')
  await writeFile(join(folder.path, 'site/sub/b'), 'B')
  return folder
}

const whole = ['site/', 'site/a=A', 'site/sub/', 'site/sub/b=B']

describe('a folder', () => {
  test.each([
    ['', '.'],
    ['', './'],
    ['', './.'],
    ['', 'sub/..'],
    ['', 'sub/../'],
    ['', '../site'],
    ['', '../site/'],
    ['', '../site//'],
    ['', './/../site'],
    ['sub', '..'],
    ['sub', '../'],
    ['sub', '../.'],
  ])('is the same one, in %p as %p', async (inside, path) => {
    await using folder = await site()
    await using server = await apiServer((_asked, response) => sendLines(response, [{ name: 'site', cid }]))
    const cwd = join(folder.path, 'site', inside)
    const ran = await run(['add', '-r', path, ...addressOf(server)], { folder: folder.path, cwd })
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    const names = [...server.asked[0]!.body.matchAll(/filename="([^"]*)"/g)].map(([, name]) =>
      decodeURIComponent(name!),
    )
    expect(names).toEqual(['site', 'site/a', 'site/sub', 'site/sub/b'])
  })

  test('is named by its path, absolute or not', async () => {
    await using folder = await site()
    expect(await found(join(folder.path, 'site'))).toEqual(whole)
    expect(await found(`${folder.path}/site/`)).toEqual(whole)
  })

  test('is not meant by an empty path', async () => {
    await expect(survey(selected(''))).rejects.toThrow('a path is empty')
  })
})

describe('a link', () => {
  test('is followed with a slash at its end, and is else a link, of which the survey tells', async () => {
    await using folder = await site()
    await symlink('site', join(folder.path, 'current'))
    const current = join(folder.path, 'current')
    expect(await found(current)).toEqual(['current->site'])
    expect((await survey(selected(current))).links).toEqual([current])
    expect(await found(`${current}/`)).toEqual(whole.map((line) => line.replace('site', 'current')))
    expect(await survey(selected(`${current}/`))).toEqual({ size: 2, links: [] })
  })

  test('as argument is told of', async () => {
    await using folder = await site()
    await symlink('site', join(folder.path, 'current'))
    await using server = await apiServer((_asked, response) => sendLines(response, [{ name: 'x', cid }]))
    const ran = await run(['add', 'current', ...addressOf(server)], { folder: folder.path, cwd: folder.path })
    expect(ran.stderr).toBe(
      'warning: current is a link and is added as one; current/ would add the folder that it leads to\n',
    )
  })

  test('inside of a folder stays one', async () => {
    await using folder = await site()
    await symlink('nowhere', join(folder.path, 'site/link'))
    expect(await found(join(folder.path, 'site'))).toContain('site/link->nowhere')
  })
})

describe('what the shell hands over', () => {
  test.skipIf(process.platform !== 'linux')('is read: /dev/stdin, and <(…)', async () => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((_asked, response) => sendLines(response, [{ name: 'x', cid }]))
    const address = addressOf(server)
    const options = { folder: folder.path, stdin: 'from stdin' }
    for (const path of ['-', '/dev/stdin', '/dev/fd/0']) {
      expect(await run(['add', path, ...address], options)).toMatchObject({ code: 0, stderr: '' })
    }
    const main = new URL('../../../cli/main.ts', import.meta.url).pathname
    const line = `"$0" "$1" add <(echo from the shell) --host "$2"`
    const shell = Bun.spawn(['bash', '-c', line, process.execPath, main, address[1]!], { stdout: 'pipe' })
    expect(await shell.exited).toBe(0)
    const contents = server.asked.map(({ body }) => body.split('\r\n\r\n')[1]!.split('\r\n')[0]!.trim())
    expect(contents).toEqual(['from stdin', 'from stdin', 'from stdin', 'from the shell'])
  })
})

describe('what cannot be read is known before the first byte is sent', () => {
  async function refused(folder: string, message: RegExp) {
    await using server = await apiServer((_asked, response) => sendLines(response, [{ name: 'x', cid }]))
    const ran = await run(['add', '-r', folder, ...addressOf(server)], { folder })
    expect(ran).toMatchObject({ code: 1, stdout: '' })
    expect(ran.stderr).toMatch(message)
    expect(server.asked).toEqual([])
  }

  test.skipIf(process.platform === 'win32')('a named pipe, deep inside', async () => {
    await using folder = await site()
    Bun.spawnSync(['mkfifo', join(folder.path, 'site/sub/zz.fifo')])
    await refused(join(folder.path, 'site'), /site\/sub\/zz\.fifo is a named pipe, which cannot be added/)
  })

  test('a socket', async () => {
    await using folder = await site()
    const server = createServer().listen(join(folder.path, 'site/s'))
    await new Promise((listening) => server.once('listening', listening))
    await refused(join(folder.path, 'site'), /site\/s is a socket, which cannot be added/)
    server.close()
  })

  test.skipIf(process.platform !== 'linux')('a device', async () => {
    await expect(survey(selected('/dev/null'))).rejects.toThrow('/dev/null is a device')
  })

  // root reads everything.
  test.skipIf(process.getuid?.() === 0)('a file and a folder without leave to read them', async () => {
    await using folder = await site()
    await chmod(join(folder.path, 'site/sub/b'), 0)
    await refused(join(folder.path, 'site'), /site\/sub\/b cannot be read: EACCES/)
    await chmod(join(folder.path, 'site/sub'), 0)
    await refused(join(folder.path, 'site'), /site\/sub cannot be read: EACCES/)
    await chmod(join(folder.path, 'site/sub'), 0o700)
  })

  test('what is missing, among others', async () => {
    await expect(survey(selected('-', import.meta.path, '/no/such'))).rejects.toThrow(
      '/no/such cannot be read: ENOENT',
    )
  })
})

describe('a name in another encoding', () => {
  const name = Buffer.from('café.txt', 'latin1')

  async function old() {
    const folder = await temporaryFolder()
    await mkdir(join(folder.path, 'old'))
    await writeFile(Buffer.concat([Buffer.from(`${folder.path}/old/`), name]), 'x')
    await writeFile(join(folder.path, 'old/ok.txt'), 'y')
    return folder
  }

  test('keeps its bytes', async () => {
    await using folder = await old()
    expect(await found(join(folder.path, 'old'))).toEqual(['old/', 'old/caf\udce9.txt=x', 'old/ok.txt=y'])
    expect((await survey(selected(join(folder.path, 'old')))).size).toBe(2)
    const body = multipartBody(walk(selected(join(folder.path, 'old'))), 'b')
    expect(await textOf(body.content)).toContain('filename="old%2Fcaf%E9.txt"')
  })

  test('is found as an argument, where the runtime has lost them', async () => {
    await using folder = await old()
    const [given] = (await readdir(join(folder.path, 'old'))).filter((each) => each.includes('\ufffd'))
    expect(await found(join(folder.path, 'old', given!))).toEqual(['caf\udce9.txt=x'])
  })
})

describe('an address on the web', () => {
  test.each([
    ['/100%.txt', '100%.txt'],
    ['/a%20b.txt?download=1#top', 'a b.txt'],
    ['/x?y=1', 'x'],
    ['/', '127.0.0.1'],
    ['/a%2Fb', 'a%2Fb'],
    ['/%2e%2e%2Fx', '%2e%2e%2Fx'],
    ['/folder/', 'folder'],
  ])('%s has a sensible name', async (path, name) => {
    await using web = await apiServer((_asked, response) => void response.end('w'))
    expect(await found(`${web.url}${path}`)).toEqual([`${name}=w`])
  })

  test('that is none is refused before anything is sent', async () => {
    await expect(survey(selected('http://')).then(() => found('http://'))).rejects.toMatchObject({
      name: 'UploadError',
    })
  })
})
