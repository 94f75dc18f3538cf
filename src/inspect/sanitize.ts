/** For authors of tools: HTML of others made fit to be shown, by a kept library with settings of ours. */
import { Parser } from 'htmlparser2'
import sanitize from 'sanitize-html'
import { judgeStyle } from './css.ts'
import { NESTING_MAX } from './html.ts'

/** What a page of prose is made of. Nothing of it runs, loads a document, or styles anything but itself. */
const TAGS = (
  'a abbr address article aside b bdi bdo blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 ' +
  'header hr i img ins kbd li main mark nav ol p picture pre q rp rt ruby s samp section small span strong sub summary sup table tbody td tfoot th thead time tr u ul var wbr'
).split(' ')
/** Deeper markup is flattened: browsers stop nesting at 512, and re-reading what was cut there is how markup mutates. */
const KEPT_NESTING_MAX = 128
const SCHEMES = ['https', 'http', 'mailto', 'tel'] as const

/** What of a page stays, where prose is not what is meant. */
export interface SanitizeOptions {
  /** Elements that stay, instead of those of prose. What runs or loads (`script`, `iframe`, `style`, `svg` …) is taken out all the same. */
  readonly tags?: readonly string[]
  /** Schemes of links; pictures are https, http or relative. Default https, http, mailto and tel. */
  readonly schemes?: readonly string[]
  /** Whether pictures stay; each tells its server that the page was seen. Default true. */
  readonly images?: boolean
}

/** Whatever is asked for. */
const NEVER = new Set(
  'script style iframe frame frameset object embed applet base meta link noscript noembed noframes template svg math xmp plaintext portal textarea title form input button select option'.split(
    ' ',
  ),
)

/** Up to the first element that is nested deeper than browsers nest: the library takes time for every element that is open. */
function cutDeep(input: string): string {
  let depth = 0
  let end = input.length
  const parser = new Parser({
    onopentag() {
      if (++depth <= NESTING_MAX) return
      end = parser.startIndex
      parser.pause()
    },
    onclosetag() {
      depth--
    },
  })
  parser.end(input)
  return input.slice(0, end)
}

/**
 * HTML that is safe to put into a page: elements and attributes of prose, links and pictures; everything else is taken out, text stays.
 * Elements nested more than 128 deep are taken out too; where more than 512 are open, the input ends.
 * @returns well-formed HTML; what was text stays text.
 * @see https://owasp.org/www-project-top-ten/ A03, and the library: sanitize-html
 */
export function sanitizeHtml(input: string, { tags = TAGS, schemes = SCHEMES, images = true }: SanitizeOptions = {}): string {
  const allowed = tags.map((tag) => tag.toLowerCase()).filter((tag) => !NEVER.has(tag) && (images || (tag !== 'img' && tag !== 'picture')))
  return sanitize(cutDeep(input), {
    allowedTags: allowed,
    allowedAttributes: {
      '*': ['title', 'lang', 'dir', 'id', 'class', 'role', 'aria-*'],
      a: ['href', 'rel', 'target'],
      img: ['src', 'alt', 'width', 'height', 'loading'],
      td: ['colspan', 'rowspan', 'align'],
      th: ['colspan', 'rowspan', 'align', 'scope'],
      ol: ['start', 'reversed', 'type'],
      time: ['datetime'],
      blockquote: ['cite'],
      q: ['cite'],
      details: ['open'],
    },
    allowedSchemes: schemes.filter((scheme) => !/script|^data$/i.test(scheme)),
    allowedSchemesByTag: { img: ['https', 'http'] },
    allowedSchemesAppliedToAttributes: ['href', 'src', 'cite'],
    allowProtocolRelative: false,
    disallowedTagsMode: 'discard',
    nestingLimit: KEPT_NESTING_MAX,
    // A page that is opened must not reach the one it was opened from.
    transformTags: {
      a: (tagName, attribs) => ({
        tagName,
        attribs: { ...attribs, ...(attribs['href'] === undefined ? {} : { rel: 'noopener noreferrer nofollow' }) },
      }),
    },
    exclusiveFilter: ({ attribs }) => Object.values(attribs).some((value) => judgeStyle(value) === 'script'),
  })
}
