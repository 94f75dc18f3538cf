/** Orders in the guise of routine: what must be added, set, opened or answered so that the rest may work. */
import { AGENT, CARRY, FOR_EXAMPLE, NEGATED_ASK, order, PLACE, type Rule, WARNED } from './lexicon.ts'

/** Where something is, also without a scheme. */
const SITE = /https?:\/\/|ssh:\/\/|git@|\b[\w-]+\.(?:com|net|org|io|dev|app|example|info|ru|cn|xyz|shop)\b/

export const RUSES: readonly Rule[] = [
  {
    detector: 'instructions/execute',
    all: [/\b(?:ba|z|da)?sh -c\b[^\n]{0,80}\b(?:curl|wget)\b|\$\((?:curl|wget)\b|<\((?:curl|wget)\b|\beval\b[^\n]{0,40}\b(?:curl|wget)\b/],
  },
  {
    detector: 'instructions/persona',
    all: [
      /\b(?:when|if|should) (?:you are |someone |somebody |anyone |the user |they |he |she )?asks?(?:ed)?\b[^.]{0,80}\b(?:lie|deny|pretend|claim|say (?:that )?(?:nothing|no|it|you))\b/,
    ],
  },
  {
    detector: 'instructions/consent',
    all: [
      order('approve|accept|merge|sign|confirm|click|agree|close|dismiss'),
      /\bwithout (?:reading|reviewing|looking|checking|opening|asking|review)\b|\bon (?:every|any|each|all) (?:permission|consent|confirmation|warning)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/escalation',
    all: [
      order('make|attach|grant|open|set|give|add|assign'),
      /\badministratoraccess\b|\badmin(?:istrator)? (?:role|policy|rights|access)\b|\bpublic(?:ly)?\b|\b0\.0\.0\.0\/0\b|\b(?:chmod )?777\b|\bcluster-admin\b|\bsudoers\b/,
      /\bbefore (?:starting|you|calling|using|running|each|every|the)\b|\bfirst\b|\balso\b|\byour role\b|\bprior to\b/,
    ],
    none: [WARNED, /\bif\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\byour own\b[^.]{0,20}\b(?:credentials?|tokens?|keys?|secrets?|passwords?)\b/,
      order('supply|provide|pass|include|send|put|give|attach|insert'),
      /\bin(?:to)? [`'"]|\bas [`'"]/,
    ],
    none: [NEGATED_ASK],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\bso (?:that )?(?:nobody|no one|no person|no human) (?:\w+ )?(?:sees?|notices?|knows?|finds? out|learns?|reads?|complains?)\b|\bso (?:that )?(?:\w+ ){0,3}(?:reporting|alerts?|alarms?|reviews?|audits?|approvals?|detection|monitoring)\b[^.]{0,20}\b(?:is|are|does|do|will) not\b/,
    ],
    none: [/\bduplicate\b|\bfalse (?:alarms?|alerts?)\b/],
  },
  {
    detector: 'instructions/persona',
    all: [
      order('add|append|insert|put|include|end|finish|close'),
      /\b(?:sentences?|phrases?|lines?|links?|texts?|footers?|signatures?|slogans?|words?)\b/,
      SITE,
      /\b(?:every|each|all|any|always|the end of)\b/,
    ],
    none: [FOR_EXAMPLE, /\bif\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:password managers?|keychain|keyring|credential store|browser profiles?|password vault)\b/,
      /\b(?:open|copy|read|dump|export|list|extract)(?:s|ing|ying)?\b/,
      /\ball (?:entries|items|passwords|logins|secrets)\b|\b(?:into|in|as) [`'"]/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/collect',
    all: [
      order(CARRY),
      /\b(?:in|as|into|under) (?:the )?[`'"](?:debug|trace|meta|ref|ctx|context|extra|notes?|telemetry|diagnostics?|comment)\w*[`'"]/,
      /\b(?:all|every)\b[^.]{0,60}\b(?:names?|e-?mails?|messages?|attendees|contacts|files|entries|history|documents|passwords)\b|\b(?:names?|e-?mails?|phone numbers?|addresses)\b[^.]{0,40}\bof (?:all|every|each)\b/,
    ],
    none: [NEGATED_ASK],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      order('configure|set|change|point|add|switch|route|tunnel|send|redirect'),
      /\b(?:pushurl|remote|proxy|registry|dns|hosts file|mirror|insteadof|resolver)\b|\b(?:through|via)\b/,
      /\b(?:all|every|other|before|first|always|each)\b/,
      new RegExp(`${PLACE.source}|ssh://|git@`),
    ],
    none: [FOR_EXAMPLE, /\b(?:default|localhost|127\.0\.0\.1)\b|\bif\b/],
  },
  {
    detector: 'instructions/consent',
    all: [/\b(?:keep|continue|go on) (?:asking|prompting|insisting|pressing|nagging)\b[^.]{0,60}\b(?:until|even (?:if|after)|despite)\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:seed phrase|recovery phrase|private key|one-time code|passcode)s?\b[^.]{0,30}\b(?:goes?|belongs?|is (?:put|written)) (?:in|into)\b/,
    ],
    none: [WARNED],
  },
  { detector: 'instructions/collect', all: [/\bos\.environ\b|\bprocess\.env\b(?!\.)/, order(CARRY)], none: [NEGATED_ASK] },
  {
    detector: 'instructions/evasion',
    all: [
      order('disable|turn off|switch off|stop|pause'),
      /\b(?:versioning|backups?|snapshots?|history|recycle bin|retention)\b/,
      /\bso (?:that )?\b|\bbefore\b|\bfirst\b/,
      /\b(?:deleted?|cannot|can't|restored?|recovered?|undone|traced?)\b/,
    ],
    none: [/\bif\b|\bnever\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\bonly (?:trust|believe|rely on)\b[^.]{0,30}\bthis (?:tool|server|one)\b|\b(?:others?|another) (?:tools?|servers?)\b[^.]{0,30}\b(?:fabricated|fake|false|wrong|lies?|lying|hallucinat\w+|invented|incorrect|forged)\b/,
    ],
    none: [/\bif\b|\bwhether\b/],
  },
  {
    detector: 'instructions/destruction',
    all: [
      /\b(?:delete|remove|wipe|drop|erase) (?:the |its |their )?(?:parent|whole|entire|all)\b[^.]{0,40}\b(?:instead|to save time|as well|too|anyway)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(
        `\\b(?:the|any|every|each|all|calling|this) (?:calling )?(?:${AGENT}) (?:must|has to|have to|is required to|are required to|needs to|shall) (?:also|first|always|silently|then)\\b`,
      ),
      /\b(?:call|run|invoke|execute|place|buy|pay|order|transfer|delete|grant|post|send)\b/,
    ],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:everything|all|anything|whatever) (?:that )?(?:the |your )?(?:users?|customers?|they|person|people)(?: has| have)? (?:ever )?(?:typed|said|written|wrote|asked|entered|sent|told|uploaded)\b/,
      /\b(?:must|should|has to|have to|contain|include|pass|put|send|append|attach|supply|provide)\b/,
    ],
    none: [NEGATED_ASK, WARNED],
  },
]
