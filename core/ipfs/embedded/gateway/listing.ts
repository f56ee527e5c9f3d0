/** The page that lists a folder. */
import type { FolderEntry } from '../dag/unixfs-reader.ts'

/** Rows sent in one piece. */
const rowsPerPiece = 100

/** `title` is shown as it is; `hasParent` adds a way up. */
export async function* listing(
  title: string,
  hasParent: boolean,
  entries: AsyncIterable<FolderEntry>,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  yield encoder.encode(head(title) + (hasParent ? '<tr><td><a href="..">..</a><td><td>\n' : ''))
  let rows: string[] = []
  for await (const entry of entries) {
    rows.push(row(entry))
    if (rows.length < rowsPerPiece) continue
    yield encoder.encode(rows.join(''))
    rows = []
  }
  yield encoder.encode(`${rows.join('')}</table>\n`)
}

function head(title: string): string {
  return `<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color-scheme: light dark }
td { padding-right: 2em }
td + td { font-family: ui-monospace, monospace; font-size: 13px }
td:last-child { text-align: right }
</style>
<h1>${escaped(title)}</h1>
<table>
`
}

function row({ name, cid, size }: FolderEntry): string {
  // A name that looks like `a:b` would else be read as an address of its own.
  const href = `./${encodeURIComponent(name)}`
  return `<tr><td><a href="${escaped(href)}">${escaped(name)}</a><td>${cid}<td>${size}\n`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
