/** Orders on what is not a tool's to order: whose word counts, and what was said before or lies around; that is for those whom the model works for. */
import { AGENT, CREDENTIAL, isMet, KNOWN, MUST, NAMED_TOOL, order, PRIVATE, type Rule, SECRET_FILE, WARNED } from './lexicon.ts'

/** What comes from a tool, or from those who wrote what it reads. */
const CONTENT =
  '(?:contents?|results?|outputs?|texts?|comments?|entr(?:y|ies)|messages?|descriptions?|pages?|files?|documents?|data|notes?|anything|everything|whatever|what|responses?|answers?|titles?|events?|events? descriptions?|[\\w-]+\\.(?:md|txt|json))'
const WORD = '(?:instructions?|commands?|orders|directives?)'

/** Whose word counts. */
const AUTHORITY: readonly Rule[] = [
  {
    detector: 'instructions/override',
    all: [
      new RegExp(
        `\\b(?:${CONTENT}\\b[^.]{0,48}\\b(?:are|is|count as|counts as|act as|become) (?:also )?(?:to be )?(?:(?:treated|read|taken|understood|regarded|handled) as )?(?:binding |direct |valid |new |trusted |the )?${WORD}\\b(?: (?:from|by|for|to|of)\\b|,? (?:and|which|that) (?:must|have|has|are|should|take)))`,
      ),
    ],
    none: [
      /\b(?:not|n't|never|whether|no) (?:\w+ )?(?:instructions?|commands?|orders)\b|\bif\b/,
      /\b(?:cli|shell|git|sql|build|assembly|setup|install\w*)\b/,
    ],
  },
  {
    detector: 'instructions/override',
    all: [
      /\b(?:same|highest|higher|full|absolute|more|greater|top) (?:authority|priority|rank|weight|trust|precedence)\b|\b(?:takes?|with|has|have|having|gets?) (?:precedence|priority) over\b|\bcoming (?:directly )?from (?:the |your )?(?:system|operator|developer|user|administrator)/,
      /\b(?:system|operator|developers?|users?|wishes|policy|policies|rules|messages?|instructions|prompts?)\b/,
      new RegExp(`\\b${CONTENT}\\b|\\b(?:this|these|our|its)\\b`),
    ],
    none: [/\b(?:tickets?|tasks?|issues?|settings?|flags?|variables?|options?|process|queue|requests? with|locale)\b/],
  },
  {
    detector: 'instructions/override',
    all: [
      /\b(?:restrictions?|rules|limits|limitations|policies|safeguards|guidelines|safety|developer message|system (?:message|prompt)|instructions)\b/,
      /\bno longer (?:need|have|apply|bind|hold|count)|\b(?:do|does) not (?:apply|bind|hold|count)\b|\byou (?:have|are under|know) no (?:restrictions|limits|rules)|\b(?:have|has) no restrictions\b|\bno longer (?:\w+ )?(?:follow|obey|restricted|bound)/,
      /\byou\b|\byour\b|\bassistant\b|\bmodel\b|\bthis (?:server|tool|prompt)\b/,
    ],
    none: [/\bif\b|\bwhen the (?:file|user)\b/],
  },
  {
    detector: 'instructions/override',
    all: [/\bdisregard\b|\bset aside\b/, /\bwhatever\b|\bwhat (?:the|your)\b/, /\b(?:system|developer|prompt|operator|user|policy|host)\b/],
  },
  {
    detector: 'instructions/execute',
    all: [
      /\b(?:do|follow|obey|execute|carry out|perform|fulfil+|comply with|act on|act upon)\b[^.]{0,20}\b(?:what(?:ever)? (?:it|they|is|(?:the|this|that) [\w ]{2,24}?) (?:says?|lists?|asks?|demands?|contains?|listed|written|asked)|(?:every|any|each|all)(?: \w+)? (?:tasks?|orders?|instructions?|commands?|requests?|steps?)(?: (?:that|which|in|it|an?|the))? )|\b(?:obey|comply with) (?:it|them|this)\b|\bdecode and follow\b|\b(?:carry|carried) out what\b/,
    ],
    none: [WARNED, /\bif\b/],
  },
  {
    detector: 'instructions/execute',
    all: [
      /\b(?:says?|tells?|lists?|describes?) what (?:to do|you (?:must|should|have to|are to)|must be done)\b|\bwhat you must do\b/,
      /\b(?:obey|comply|follow|do it|carry|without)\b/,
    ],
    none: [WARNED],
  },
]

const AUTHORITY_TAKEN: readonly Rule[] = [
  {
    detector: 'instructions/override',
    all: [
      /\b(?:limits?|limitations?|restrictions?|rules|safeguards?|guardrails?|policies|guidelines|boundaries|protections?|constraints?)\b/,
      /\b(?:set|given|imposed|made|laid down) by\b|\byour\b|\bsafety\b|\b(?:operator|developer|system)(?:'s)?\b/,
      /\b(?:are|is|have been|has been|being) (?:\w+ )?(?:suspended|lifted|off|void|removed|waived|disabled|inactive|relaxed|set aside|out of force|not in force|withdrawn)\b/,
    ],
    none: [WARNED, /\bif\b|\bwhen\b|\bthat are\b/],
  },
  {
    detector: 'instructions/execute',
    all: [
      new RegExp(
        `\\b(?:contains?|includes?|holds?|carr(?:y|ies)|are|is) (?:\\w+ )?(?:commands|instructions|orders|directives|tasks) (?:for|to) (?:the |all |any )?(?:you|${AGENT})\\b|\\bcarry (?:these|those|this|all of them) out\\b`,
      ),
    ],
    none: [WARNED, /\b(?:ignore|data|prompt injection)\b/],
  },
  {
    detector: 'instructions/override',
    all: [
      /\b(?:outranks?|overrides?|supersedes?|prevails? over|comes? before|trumps?|wins? over|stands? above|takes? (?:precedence|priority) over|replaces?|counts? more than)\b[^.]{0,24}\b(?:your|the user's|the users?|users'|what (?:you|the user)|(?:other|earlier|previous|existing|any|all)(?: \w+)? (?:guidelines|instructions|rules|orders)|system (?:prompt|message)|developer(?:'s)? (?:prompt|message))\b/,
    ],
    none: [WARNED, /^nothing\b|\b(?:setting|default|option|flag|value|locale|theme|preferences?)s?\b/],
  },
  {
    detector: 'instructions/override',
    all: [
      /\b(?:obey|follow|serve|listen to|comply with|answer to|take (?:orders|instructions) from|work for)\b/,
      /\b(?:only|solely|exclusively|nobody but|no one but|just)\b/,
      /\b(?:this (?:server|tool)|our (?:server|orders|instructions)|us|me)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/execute',
    all: [
      /\b(?:requests?|tasks?|instructions?|steps|orders|commands?|wishes|demands|prompts?)\b/,
      /\b(?:in|of|from|by|inside|within) (?:the |a |an |any |each |every )?(?:\w+ )?(?:messages?|mails?|e-?mails?|pages?|documents?|comments?|files?|results?|outputs?|answers?|responses?|entr(?:y|ies)|administrators?|admins?|operators?|organi[sz]ers?|senders?|authors?)\b/,
      new RegExp(
        `\\b(?:${MUST}) be (?:\\w+ )?(?:fulfil+ed|carried out|executed|followed|done|obeyed|met|performed|completed|honou?red|acted (?:on|upon)|treated as)\\b|^[^a-z]{0,4}(?:execute|carry out|follow|obey|perform|fulfil|complete|act on|do)\\b`,
      ),
    ],
    none: [WARNED, /\bif\b/, /\b(?:readme|contributing|user's)\b/],
  },
  {
    detector: 'instructions/execute',
    all: [
      /\bas (?:though|if) (?:the |a )?(?:users?|customers?|person|operator|they|i|it (?:came|were))\b(?: had| has)?(?: \w+)? ?(?:asked|said|requested|typed|told|written|from|ordered)\b|\b(?:may|can|will|might) (?:give|assign|set|send|hand) you (?:\w+ )?(?:tasks?|orders?|instructions?|goals?|commands?)\b/,
    ],
    none: [/\b(?:try|tries|untrusted|never|not|n't)\b/],
  },
]

/** What was said before, what lies around on the machine: nothing a tool takes for its work. */
const GIVE =
  '(?:append|add|include|attach|supply|pass|put|hand|give|provide|carry|carries|fill|goes? into|go into|submit|tell (?:this|the) tool|is passed|are passed|save|copy|store|look into|look for|collect|hold|contain)'
const BEYOND: readonly Rule[] = [
  {
    detector: 'instructions/collect',
    all: [
      PRIVATE,
      /\b(?:begin|start|continue|proceed|finish|end|go on|keep|first|always|also|before)\b/,
      /\b(?:uploading|sending|collecting|reading|submitting|passing|posting|forwarding|sharing|reporting|copying|saving|storing)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:results?|outputs?|answers?|responses?|contents?) of (?:all|any|every|the) (?:other|previous|earlier|last|preceding)(?: tool)?\b|\bof any other tool\b|\b(?:previous|earlier|prior|other) tool (?:calls?|results?|outputs?)\b|\b(?:the|this) conversation so far\b|\b(?:everything|all|anything) (?:that )?(?:the user|the person|they|you|was|we) (?:has |have |had )?(?:said|wrote|written|asked|typed|told)\b|\blast question\b/,
      new RegExp(`\\b${GIVE}\\b`),
    ],
    none: [WARNED, /\bsummar/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:names?|list|contents?) of (?:all |every |the )?(?:files?|folders|repositories|directories|contacts|cookies)\b[^.]{0,40}\b(?:in|on|of|that|the user|working|home|machine)\b|\bbrowser profile\b|\bwhich cookies\b|\bkeys in the (?:home|user)\b|\benvironment variables\b|\b(?:home )?address (?:and|or) (?:phone|e-?mail)\b|\bphone number of the user\b|\bsession cookie\b|\b(?:user|person|customer)(?: \w+)? (?:mentions?|shares?|says?|types?|gives?) (?:a |an |any |some )?(?:passwords?|personal|pin|card|phone|secrets?)/,
      /\b(?:also|must|have to|has to|first|too|any time|whenever|when|always|at the start|each|could|for personali[sz]ation|followed by)\b/,
      new RegExp(`\\b${GIVE}\\b|\\bset\\b|\\bstore\\b|\\bcall\\b`),
    ],
    none: [WARNED, /\b(?:names|name) of environment\b|\bif the user asks\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      order('attach|append|include|pass|add|supply|hand|give|send|submit|forward|tell'),
      new RegExp(
        `\\b(?:whatever|everything|anything|all that|the results? (?:of|from)|the outputs? (?:of|from)|what)\\b[^.]{0,24}(?:${NAMED_TOOL}|\\bother tools?\\b|\\banother tool\\b)[^.]{0,40}\\b(?:returns?|returned|gave|gives?|outputs?|answers?|said|says|found)\\b`,
      ),
    ],
    none: [WARNED, /\bid\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      order('tell|give|pass|send|supply|attach|hand|include|add|append|provide|fill in|share|ask for|find out'),
      /(?:\b(?:full name|names?|birthday|birth date|date of birth|street|home address|address|phone(?: number)?|e-?mail(?: address)?|employer|age|gender|contacts|location|salary|income|religion|health)\b[^.]{0,24}){2}/,
      /\b(?:of the (?:person|user|customer)|user's|customer's|person's|their)\b/,
      /\beven if\b|\bevery time\b|\balways\b|\balso\b|\bfor (?:personali[sz]ation|statistics|quality|analytics|better|improv\w+)\b|\bunasked\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/collect',
    all: [CREDENTIAL, /\b(?:you|that you|which you|we) (?:come across|encounter|find|stumble (?:on|upon|over)|run into|happen to see)\b/],
    none: [/\b(?:report|redact|mask|warn|tell the user|never|rotate)\b/],
  },
  {
    detector: 'instructions/credential-request',
    all: [
      /\b(?:session|login|auth\w*) cookies?\b|\bcookies? of the (?:browser|session|user)\b/,
      /\b(?:needs?|requires?|wants?|must|set|pass|give|supply|in order to)\b/,
    ],
    none: [WARNED, /\bset-cookie\b|\battribute|\bdeleted\b|\bexpires?\b/],
  },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(
        `\\b(?:it is (?:mandatory|necessary|required|important|essential) that|make sure that|see to it that) (?:the |any |every )?(?:${AGENT})\\b|\\b(?:llm|ai|model|agent|assistant)s? (?:callers?|clients?|users?)? ?(?:${MUST})\\b`,
      ),
      /\b(?:opens?|reads?|includes?|sets?|passes|pass|sends?|attach\w*|retrieves?|collects?|append\w*|execut\w+|follow\w*|retrieve)\b/,
      /\b(?:secrets?|contents?|file|base64|cookie|session|config|env|~|key|token|right away|all)\b/,
    ],
    none: [/\bids?\b/],
  },
]

/** Somebody important is said to want it. */
const IN_THE_NAME_OF: readonly Rule[] = [
  {
    detector: 'instructions/override',
    all: [
      /\b(?:security|compliance|safety|legal|it|platform|trust|audit|privacy|risk|support) (?:team|department|office|officer|policy|desk|group)\b|\b(?:anthropic|openai|google|microsoft|github|apple|meta|amazon|the (?:developer|vendor|provider|administrator|operator|ceo))s?\b/,
      new RegExp(
        `\\b(?:requires?|mandates?|demands?|orders?|instructs?|asks?|wants?|expects?|obliges?|has (?:ordered|decided|asked|instructed|approved)|have (?:ordered|decided|asked|instructed|approved))\\b[^.]{0,24}\\b(?:all|every|any|each|the|you)?\\b ?(?:${AGENT}|you|that you)\\b`,
      ),
    ],
    none: [WARNED, /\b(?:api|key|account|user agent)\b/],
  },
]

export const OVERREACH: readonly Rule[] = [...AUTHORITY, ...AUTHORITY_TAKEN, ...IN_THE_NAME_OF, ...BEYOND]

/** The same in what is said of one argument, which is asked for by being described: nobody needs a verb. */
const ASKED: readonly Rule[] = [
  {
    detector: 'instructions/collect',
    all: [
      /\byour (?:\w+ )?(?:system prompt|prompt|instructions|guidelines|chain of thought|reasoning|memory|context)\b|\b(?:earlier|previous|past|prior) messages of (?:this|the) (?:conversation|chat|session)\b|\bthe user has said\b|\bin this (?:chat|conversation)\b[^.]{0,24}\b(?:word for word|verbatim|complete)\b/,
    ],
    none: [WARNED, /\byour (?:reasoning|context) (?:for|why|behind)\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:all|dump of|every|output of|contents? of|values? of)(?: \w+){0,2} environment(?: variables)?\b|\b[a-z]+(?:_[a-z]+)*_(?:url|key|token|secret|password)\b[^.]{0,20}\bfrom the environment\b|\bcookies? of the (?:browser|user|session)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/credential-request',
    all: [
      /\b(?:(?:aws )?secret access key|private key|ssh key|session cookie|passwords?|passphrase|seed phrase|pin|(?:digits|number) of (?:their|the|his|her) (?:\w+ )?card)\b/,
      /\bof the (?:user|customer|person|owner|caller)\b|\b(?:user's|customer's|owner's)\b|\bfollowed by\b/,
    ],
    none: [WARNED, /\b(?:new|created|initial|temporary|hash)\b/],
  },
]

const ASKED_TOO: readonly Rule[] = [
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:everything|all|anything|what(?:ever)?) (?:that )?you (?:remember|know|have learned|have stored|recall|can find(?: out)?|noticed)\b[^.]{0,20}\babout\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:conversation|chat|dialogue|transcript|session)\b[^.]{0,12}\b(?:verbatim|in full|word for word|complete|so far|as is|up to now)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:outputs?|results?|dump) of [`'"]?(?:\$ ?)?(?:env|printenv|set|id|whoami|cat|ps|ls|history|ifconfig|ip a|git (?:config|remote)|aws|gcloud|kubectl|docker|net user|systeminfo|security|crontab)\b|\b(?:results?|outputs?|answers?|responses?|names?|lists?|descriptions?) (?:of|from) (?:every |all |any |each |the )?(?:other|previous|earlier|prior|preceding|available|connected) (?:tools?|calls?|servers?)\b/,
    ],
    none: [/\b(?:never|cannot|not (?:sent|read|included|stored|shown))\b/],
  },
  {
    detector: 'instructions/collect',
    all: [CREDENTIAL, KNOWN],
    none: [WARNED, /\b(?:from|of) the (?:dashboard|portal|console|response|login)\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:what|anything|everything|all|whatever)(?: that)? (?:the (?:user|person|customer)|they|you and the user) (?:has |have |had )?(?:told|said|wrote|asked|mentioned|shared|typed)\b/,
      /\b(?:you|earlier|before|so far|previously|private|in this|until now)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:complete|full|entire|whole|verbatim|raw|all)\b/,
      /\b(?:transcript|conversation|chat|dialogue|exchange|prompts?|messages)\b/,
      /\b(?:of|in|from) (?:this|the current|our|your) (?:session|conversation|chat|dialogue|exchange)\b|\bso far\b|\b(?:with|between) (?:you|the user)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/secret-file',
    all: [
      SECRET_FILE,
      /\b(?:tokens?|passwords?|keys?|cookies?|credentials?|secrets?)\b/,
      /\b(?:found|from|in|inside|read|values?|contents?|copied)\b/,
    ],
    none: [WARNED, /\b(?:path|location|directory|folder) (?:to|of|for)\b|\bdefaults? to\b|\bpath\b/],
  },
]

/** What is asked for by the description of one argument, by detector. */
export function askedBeyond(description: string): readonly string[] {
  return [...ASKED, ...ASKED_TOO].filter((rule) => isMet(rule, description)).map(({ detector }) => detector)
}
