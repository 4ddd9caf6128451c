// Writes a .br and a .gz beside every text file of the build that is worth it, for a server that
// sends what a browser accepts and compresses nothing itself. Runs after `vite build`.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const DIST = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')
const TEXT = new Set(['.js', '.css', '.html', '.svg', '.json'])
const WORTH_BYTES = 1024

const forms = {
  '.br': (content) =>
    promisify(brotliCompress)(content, {
      params: {
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      },
    }),
  '.gz': (content) => promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }),
}

async function* filesIn(directory) {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* filesIn(path)
    else if (entry.isFile() && TEXT.has(extname(entry.name))) yield path
  }
}

let before = 0
const after = { '.br': 0, '.gz': 0 }
for await (const path of filesIn(DIST)) {
  const content = await readFile(path)
  const worthIt = content.length > WORTH_BYTES
  if (worthIt) before += content.length
  for (const [suffix, compress] of Object.entries(forms)) {
    const packed = worthIt ? await compress(content) : content
    // Nothing is left of an earlier build that this one would not have made.
    await rm(path + suffix, { force: true })
    if (packed.length < content.length) {
      await writeFile(path + suffix, packed)
      after[suffix] += packed.length
    }
  }
}

const kib = (bytes) => `${Math.round(bytes / 1024)} KiB`
console.log(`precompressed ${kib(before)}: br ${kib(after['.br'])}, gz ${kib(after['.gz'])}`)
