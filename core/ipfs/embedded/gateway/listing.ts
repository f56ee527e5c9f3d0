/** The page that lists a folder. */
import type { PathRoot } from '../dag/path.ts'
import type { FolderEntry } from '../dag/unixfs-reader.ts'
import { escaped, link, pageEnd, pageHead } from './html.ts'

/** Rows sent in one piece. */
const rowsPerPiece = 100

export async function* listing(
  path: PathRoot,
  entries: AsyncIterable<FolderEntry>,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  const hasParent = path.segments.length > 0
  yield encoder.encode(head(path) + (hasParent ? `<tr><td>${link('..', '..')}<td><td>\n` : ''))
  let rows: string[] = []
  for await (const entry of entries) {
    rows.push(row(entry))
    if (rows.length < rowsPerPiece) continue
    yield encoder.encode(rows.join(''))
    rows = []
  }
  yield encoder.encode(`${rows.join('')}</table>\n${pageEnd}`)
}

/** With a link for every folder on the way. */
function head({ namespace, root, segments }: PathRoot): string {
  const names = [root, ...segments]
  const links = names.map((name, at) => {
    const way = names.slice(0, at + 1).map(encodeURIComponent)
    return link(`/${[namespace, ...way].join('/')}`, name)
  })
  return `${pageHead(`/${[namespace, ...names].join('/')}`)}<h1>Index of /${[namespace, ...links].join('/')}</h1>
<table>
`
}

function row({ name, cid, size }: FolderEntry): string {
  // A name that looks like `a:b` would else be read as an address of its own.
  const href = `./${encodeURIComponent(name)}`
  const alone = `/ipfs/${cid}?filename=${encodeURIComponent(name)}`
  return `<tr><td>${link(href, name)}<td>${link(alone, String(cid))}<td>${escaped(String(size))}\n`
}
