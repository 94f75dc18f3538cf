/** HTML that will be shown: what runs, loads or takes over a page. Judged as browsers read it, and as they read it after it was written out again. */
import { Parser } from 'htmlparser2'
import { judgeStyle } from './css.ts'
import { readEveryWay } from './decode.ts'
import type { Label } from './labels.ts'
import { isTemplateAttack, judgeDocument } from './text.ts'

/** Markup within comments, raw text and attributes is read again: mutation (mXSS) makes markup of it. More layers than this are not honest. */
const LAYERS_MAX = 3
/** Browsers stop nesting here, so what is deeper means something else to each reader; and to the parser every element that is open costs time. */
export const NESTING_MAX = 512
/** How often a text is gone through in all, layers within layers among it; a page is gone through twice. */
const READINGS_MAX = 16
/** What may be gone through besides, so that a short text may be as odd as it likes. */
const SPARE_CHARS = 4_096

/** Run, load or restyle, or change what the rest of the page means. */
const ACTIVE = new Set(
  (
    'script iframe frame frameset object embed applet base meta link style noscript noembed noframes xmp plaintext listing template portal math ' +
    'animate animatetransform animatemotion set foreignobject handler listener layer ilayer bgsound isindex event-source xml keygen marquee blink vmlframe'
  ).split(' '),
)
/** What a page of prose is made of; in `strict` nothing else. */
const PLAIN_TAGS = new Set(
  (
    'html head body title a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn div dl dt em ' +
    'figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p picture pre q rp rt ruby s samp section small span strike ' +
    'strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr'
  ).split(' '),
)
const SCRIPT_SCHEME = /(?:^|[;,:])(?:javascript|vbscript|livescript|jscript|mocha|wscript|ecmascript):/i
/** Data that is a picture, a sound or a font is no document. */
const DATA = /^data:(?!image\/(?:png|gif|jpe?g|webp|avif|bmp|x-icon)[;,]|audio\/|video\/|font\/)/i
const LOADING = new Set(
  'href src action formaction data poster background xlink:href srcset code codebase archive classid manifest from to values by cite ping dynsrc lowsrc'.split(
    ' ',
  ),
)
/** What a browser leaves out of a scheme (URL §4.4): tabs, line ends, and controls before it. */
const LEFT_OUT = /[\0-\x20\u00a0\u2028\u2029]/g
/** Out of an attribute and into a handler, where somebody pastes the text into one. */
const HANDLER = /["'`\s/]on[a-z]{3,24}[\s/]{0,8}=/i
const QUOTED_OUT =
  /^[^<]{0,400}["'`][\s/]{0,8}(?:[a-z-]{2,24}(?:=[\w-]{0,24})?[\s/]{1,4}){0,3}on[a-z]{3,24}[\s/]{0,8}=\s{0,8}["'`]?[\w.$]{1,60}\s{0,4}[(`=]/i
/** An address in which nothing ends the attribute. */
const ADDRESS = /^https?:\/\/[^"'`\s<>]*$/i
/** To another host: what is typed into such a form is typed for somebody else. */
const AWAY = /^(?:[a-z][a-z0-9+.-]{0,20}:)?\/\//i
const SECRETS = /pass(?:word|wd|code|phrase)|\b(?:pwd|pin|otp|cvc|cvv|ssn|card(?:[_-]?number)?)\b/i
/** Out of a text of a script and into it; or a handler by itself. */
const SCRIPTED = /^\s{0,8}(?:["'`]\s{0,8}[;)\-+*|&}]{1,3}\s{0,8}[\w.$]{1,60}|on[a-z]{3,24}\s{0,8}=\s{0,8}["']?[\w.$]{1,60})\s{0,8}[(`]/i
/** Attributes that a framework on the page runs, or fetches markup for: Angular, Alpine, Vue, htmx, Knockout. */
const DIRECTIVE =
  /^(?:data-)?(?:ng-(?:app|init|click|include|bind-html|controller|[a-z]*(?:focus|blur|change|load|over|enter|submit|key[a-z]+))|x-(?:data|init|html|effect|on:.+)|v-(?:html|on:.+)|hx-(?:get|post|put|delete|patch|on.*|vals|trigger)|bind$)|^@[a-z]/
const MARKUP = /<[a-z!/?]/i
/** Ends of elements whose content is no markup: an end without a beginning is meant for somebody else's. */
const RAW_END = /<\/(title|style|textarea|script|noscript|xmp|template|noembed|iframe|select)[\s/>]/gi

export function judgeHtml(text: string): Label | undefined {
  if (text.includes('+ADw-')) return 'script' // UTF-7, which old browsers guess
  return readEveryWay(text, { percent: true, escapes: true, base64: true }, (view) => judgeFragment(view))
}

function judgeFragment(text: string): Label | undefined {
  if (SCRIPT_SCHEME.test(text.slice(0, 200).replace(LEFT_OUT, '').replace(/^["']/, '')) || /^data:text\/html/i.test(text.trimStart()))
    return 'script'
  if (QUOTED_OUT.test(text) || SCRIPTED.test(text)) return 'script'
  const document = judgeDocument(text)
  if (document !== undefined) return document
  if (text.includes('{') && isTemplateAttack(text)) return 'template-injection'
  if (!text.includes('<')) return text.includes('(') || text.includes(':') ? judgeStyle(text) : undefined
  return endsOthers(text) ? 'active-markup' : judgeMarkup(text, 0, { left: READINGS_MAX * text.length + SPARE_CHARS })
}

function endsOthers(text: string): boolean {
  const lower = text.toLowerCase()
  const begins = new Map<string, number>()
  for (const { 1: written = '', index } of text.matchAll(RAW_END)) {
    const name = written.toLowerCase()
    const first = begins.get(name) ?? lower.indexOf(`<${name}`)
    begins.set(name, first)
    if (first === -1 || first > index) return true
  }
  return false
}

/** Characters that may still be gone through. */
interface Tank {
  left: number
}

/** The gravest that was found; reading ends with a script. */
function judgeMarkup(text: string, layer: number, tank: Tank): Label | undefined {
  const found = parse(text, layer, tank)
  if (found.label === 'script' || found.isWhole) return found.label
  // A tag that does not end takes in what stands behind it on the page (dangling markup).
  const open = text.slice(found.end)
  for (const end of ['>', '">', "'>"]) {
    const { label } = parse(open + end, layer, tank)
    if (label === 'script' || label === 'active-markup') return label
  }
  return /=\s{0,8}["'`]/.test(text.slice(text.lastIndexOf('<'))) ? 'active-markup' : found.label
}

interface Found {
  readonly label: Label | undefined
  /** Whether every tag ended. */
  readonly isWhole: boolean
  /** Where the last one did. */
  readonly end: number
}

const GRAVITY: readonly (Label | undefined)[] = [undefined, 'unlisted-markup', 'active-markup', 'script']

function parse(text: string, layer: number, tank: Tank): Found {
  tank.left -= text.length
  if (tank.left < 0) return { label: 'active-markup', isWhole: true, end: text.length }
  let worst: Label | undefined
  let lastEnd = -1
  let depth = 0
  const note = (label: Label | undefined): void => {
    if (GRAVITY.indexOf(label) > GRAVITY.indexOf(worst)) worst = label
  }
  const within = (inner: string): void => {
    if (MARKUP.test(inner)) note(layer === LAYERS_MAX ? 'active-markup' : judgeMarkup(inner, layer + 1, tank))
  }
  let raw: string | undefined
  let sendsAway = false
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        lastEnd = parser.endIndex
        if (++depth > NESTING_MAX) {
          note('active-markup')
          parser.pause()
          return
        }
        const local = name.slice(name.lastIndexOf(':') + 1)
        if (name.includes('<')) note('script')
        else if (ACTIVE.has(local)) note(local === 'script' ? 'script' : 'active-markup')
        else if (!PLAIN_TAGS.has(name)) note('unlisted-markup')
        if (name === 'form') sendsAway = AWAY.test((attributes['action'] ?? '').replace(LEFT_OUT, ''))
        if (sendsAway && (attributes['type']?.toLowerCase() === 'password' || SECRETS.test(attributes['name'] ?? ''))) note('active-markup')
        for (const [attribute, value] of Object.entries(attributes)) {
          note(judgeAttribute(attribute, value))
          within(value)
        }
        raw = local === 'title' || local === 'textarea' || ACTIVE.has(local) ? local : undefined
      },
      ontext(inner) {
        if (raw !== undefined) within(inner)
      },
      onclosetag() {
        lastEnd = parser.endIndex
        depth--
        raw = undefined
      },
      oncomment(inner) {
        lastEnd = parser.endIndex
        within(inner)
      },
    },
    { decodeEntities: true },
  )
  parser.end(text)
  const open = text.lastIndexOf('<')
  return { label: worst, end: lastEnd + 1, isWhole: depth > NESTING_MAX || open <= lastEnd || !MARKUP.test(text.slice(open, open + 2)) }
}

function judgeAttribute(name: string, value: string): Label | undefined {
  const local = name.slice(name.lastIndexOf(':') + 1)
  if (/^on[a-z]{2}/.test(local) || local === 'srcdoc' || local === 'fscommand' || local === 'seeksegmenttime') return 'script'
  const bare = value.length > 0 ? value.slice(0, 4096).replace(LEFT_OUT, '') : ''
  if (SCRIPT_SCHEME.test(bare) || (HANDLER.test(value) && !(LOADING.has(name) && ADDRESS.test(value)))) return 'script'
  if (LOADING.has(name) && DATA.test(bare)) return 'script'
  if (name === 'formaction' && AWAY.test(bare)) return 'active-markup'
  if (DIRECTIVE.test(name)) return 'active-markup'
  if (name === 'style') return judgeStyle(value)
  if (/["'`<=]/.test(name)) return 'active-markup'
  return name === 'formaction' || name === 'is' || name === 'xmlns' ? 'unlisted-markup' : undefined
}
