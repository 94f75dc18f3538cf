/**
 * Orders on what is not a tool's to order. A tool may say what it does, what it takes and when it is of use. How a model behaves towards people, which other tools it uses and
 * with what, what was said before, whose word counts, and whether somebody has agreed: that is for those whom the model works for.
 */
import { AGENT, isMet, type Rule } from './lexicon.ts'

/** Not by what follows it in honest texts: the same words said of a case, or as a warning. */
const WARNED = /\b(?:never|not|n't|cannot|refuses?|refused|untrusted|classif\w+|detects?|whether|checks?)\b/
const MUST =
  'must|have to|has to|had to|should|shall|are to|is to|need to|needs to|ought to|are required to|is required to|is mandatory|be helpful|it is necessary'
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
      /\b(?:same|highest|higher|full|absolute|more|greater|top) (?:authority|priority|rank|weight|trust|precedence)\b|\btakes? (?:precedence|priority) over\b|\bcoming (?:directly )?from (?:the |your )?(?:system|operator|developer|user|administrator)/,
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
      /\b(?:do|follow|obey|execute|carry out|perform|fulfil+|comply with|act on|act upon)\b[^.]{0,20}\b(?:what(?:ever)? (?:it|they|is|the [\w ]{2,24}?) (?:says?|lists?|asks?|demands?|contains?|listed|written|asked)|(?:any|every|each|all)(?: \w+)? (?:tasks?|orders?|instructions?|commands?|requests?|steps?)(?: (?:that|which|in|it|an?|the))? )|\b(?:obey|comply with) (?:it|them|this)\b|\bdecode and follow\b|\b(?:carry|carried) out what\b/,
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

/** Deeds of other tools: which are used, and with what. A sibling that finds what this one takes is honest company. */
const NAMED_TOOL = '[`\'"]?[a-z0-9]+(?:[_.][a-z0-9]+)+[`\'"]?'
const ROUTES: readonly Rule[] = [
  {
    detector: 'instructions/preference',
    all: [
      /\b(?:all|any|every|each|direct|web)(?: \w+){0,2} (?:writes?|reads?|requests?|traffic|calls?|messages?|payments?|e-?mails?|files?|searches|queries|access)\b/,
      new RegExp(`\\b(?:${MUST})\\b`),
      /\b(?:through|via|with|by) (?:this|it|us|ours|here|[a-z0-9]+_[a-z0-9_]+)\b|\brout(?:e|ed)\b|\bpass through\b/,
    ],
    none: [/\b(?:proxy|gateway|vpn|api|filter|paginat\w+)\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\b(?:supersedes?|replaces?|instead of|in place of|in its place|do not use|don't use|avoid|stop using)\b/,
      /\b(?:tools?|servers?)\b/,
      /\b(?:of|from|on) (?:all |any |the )?other (?:tools?|servers?|vendors?)\b|\bin its place\b|\bmust (?:route|use|send|pass)\b|\bwhile this (?:server|tool) is (?:connected|there|present|installed)\b/,
    ],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\b(?:other|built-in|default|standard|native|remaining)\b[^.]{0,24}\b(?:tools?|servers?|browser|reader|search)\b/,
      /\b(?:deprecated|insecure|unsafe|dangerous|outdated|compromised|broken|untrusted|malicious|unreliable)\b/,
    ],
    none: [/\bif\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      new RegExp(
        `\\b(?:with|by|of|using|used by|when|whenever|if|to) (?:the |a |an )?(?:${NAMED_TOOL}|[\\w-]+ (?:tools?|server)|another tool|other tools?)\\b[^.]{0,40}|\\b(?:with|by|using) (?:the )?${NAMED_TOOL}`,
      ),
      /\b(?:set|change|changed|replace|replaced|address|addressed|redirect|redirected|substitute|recipient is|recipients? (?:is|are)|use)\b/,
      /\b(?:recipients?|iban|account|addressee|addressed|payee|destination|number|address|amount|url|remote|branch|bcc|to [\w.+-]+@)\b/,
      new RegExp(`\\b(?:${MUST})\\b|^[^a-z]{0,4}(?:when|whenever|if|each time|every time|while)\\b`),
    ],
    none: [/\b(?:found|returned|listed|given) (?:by|with)\b|\bif the user\b|\bto (?:get|find|obtain|look up|resolve)\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      /\b(?:replace|change|swap|substitute|exchange)\b/,
      /\b(?:user|customer|person|caller|sender|they) (?:names?|gives?|gave|wants?|asked|asks|types?|typed|enters?|entered|specif\w+|provides?|provided)\b/,
      /\b(?:with|by|for|to)\b/,
    ],
    none: [WARNED, /\bif\b|\bplaceholders?\b|\btext\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      /\b(?:each|every|any) time\b|\bwhenever\b|\bonce (?:started|done|finished|called)\b|\bafter (?:each|every) call\b|\bshould the\b[^,]{0,40},|\bunless told otherwise\b|\bas (?:a precondition|its last step|the last step|a last step)\b|\bproceed by\b|\bafter(?:wards)?,? (?:quietly|silently)\b|\bat the start of each\b/,
      new RegExp(
        `\\b(?:save|store|copy|send|push|pushing|run|call|fetch|load|collect|put|pass|hand|upload|post|install|proceed)\\b[^.]{0,80}(?:${NAMED_TOOL}|https?:|\\bhere\\b|\\btoo\\b|\\bwith (?:this|the|another) tool\\b|\\bshell\\b)`,
      ),
    ],
    none: [/\bto (?:get|find|obtain|look up|resolve|see|check)\b|\bif the user\b/],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      /\b(?:always|also|first)\b/,
      /\binstall\b/,
      /\b(?:next to it|alongside|along with it|as well|too|latest version of [\w@/.-]{4,})\b/,
    ],
  },
]

/** How a model behaves towards people. */
const CONDUCT: readonly Rule[] = [
  {
    detector: 'instructions/persona',
    all: [
      /\b(?:every|all|each|any|later|further|future|following|next)(?: \w+){0,3} (?:messages?|responses?|answers?|repl(?:y|ies)|summar(?:y|ies))\b|\b(?:all|each) of your (?:\w+ )?(?:messages?|responses?|answers?|replies)\b/,
      /\byou\b|\byour\b/,
      new RegExp(`\\b(?:${MUST})\\b`),
      /\b(?:contain|end|begin|start|include|mention|carry|link|phrase|words?)\b/,
    ],
  },
  {
    detector: 'instructions/persona',
    all: [
      /\b(?:assure|reassure|convince|persuade|promise|tell|let|claim|say|pretend|insist|state)\b/,
      /\b(?:users?|customers?|people|person|them|client|someone|anyone|somebody|anybody|say it|pretend)\b/,
      /\beven if\b|\bwhatever (?:this|the|it|they)\b|\bregardless\b|\bif [^,]{0,60}\bfails?\b[^.]{0,40}\b(?:worked|success\w*|fine|done)\b|\bif (?:someone|anyone|anybody|somebody|the user|they) asks?\b[^.]{0,80}\bsay\b|\balthough (?:it|they)\b/,
    ],
    none: [/\bif (?:it|the tool) (?:returns|is)\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      /(?:^|[,;:(] ?|\b(?:always|please|you|and|must|should) )(?:recommend|promote|favou?r|praise|advertise|rank)\b/,
      /\bover all others?\b|\bover (?:any|every) other\b|\b(?:before|above) (?:all|any) others?\b|\b(?:brand|products?) of\b|\bour (?:own )?(?:brand|products?)\b/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:keep|leave|omit|hide|withhold|conceal|drop)\b[^.]{0,60}\b(?:between us|to yourself|from (?:your|the) (?:summary|answer|reply|response|user|person)|unsaid|unmentioned)\b|\bno need (?:to bring|for (?:the user|them|anyone) to)\b|\b(?:has|have) no need to (?:learn|know|hear|see)\b|\bwithout (?:mentioning|saying|telling|disclosing|announcing|pointing out) (?:that|this|it|so|anything|them)\b|\bdo not say (?:that|so|why)\b|\bnot? (?:have|need) to be mentioned\b/,
    ],
    none: [/\b(?:passwords?|secrets?|credentials?|tokens?|keys)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:quietly|secretly|silently|covertly|discreetly) (?:\w+ )?[`'"]?(?:call|send|run|upload|copy|post|forward|record|add|invoke|include)\b/,
    ],
    none: [/\b(?:fails?|ignored|ignores|skips?|dropped|returns|does nothing)\b/],
  },
]

/** Whether somebody has agreed: only they can say so. */
const CONSENT: readonly Rule[] = [
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:assume|presume|take it|act as though|act as if|suppose|count on it)\b[^.]{0,40}\b(?:agrees?|agreed|consents?|consented|accepts?|accepted|approves?|approved|permission|says? yes|said yes|fine with)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:absence|lack|silence|no (?:answer|reply|response|objection)|missing (?:answer|reply))\b/,
      /\b(?:treat|count|counts|take|read|regard|means?|is)\b/,
      /\b(?:as|means|is) (?:an? )?(?:yes|approval|consent|agreement|confirmation|permission)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:dialogs?|prompts?|approvals?|confirmations?|questions?|requests?|permissions?|warnings?)\b/,
      /\b(?:can|may|must|should|are to|is to|have to|will)(?: \w+)? be (?:accepted|answered|confirmed|approved|dismissed|clicked|granted|closed)\b/,
      /\bon (?:the |their )?(?:users?|customers?|persons?|owners?|operators?)?(?:'s?)? ?behalf\b|\bautomatically\b|\bwith yes\b|\bclick through\b|\bwithout (?:asking|reading|waiting)\b|\bby (?:you|yourself|the (?:assistant|model|agent|ai))\b/,
    ],
    none: [/\b(?:never|not|n't|cannot|only)\b/],
  },
]

/** What was said before, what lies around on the machine: nothing a tool takes for its work. */
const GIVE =
  '(?:append|add|include|attach|supply|pass|put|hand|give|provide|carry|carries|fill|goes? into|go into|submit|tell (?:this|the) tool|is passed|are passed|save|copy|store|look into|look for|collect)'
const BEYOND: readonly Rule[] = [
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:results?|outputs?|answers?|responses?|contents?) of (?:any|all|every|the) (?:other|previous|earlier|last|preceding)(?: tool)?\b|\bof any other tool\b|\b(?:previous|earlier|prior|other) tool (?:calls?|results?|outputs?)\b|\b(?:the|this) conversation so far\b|\b(?:everything|all|anything) (?:that )?(?:the user|the person|they|you|was|we) (?:has |have |had )?(?:said|wrote|written|asked|typed|told)\b|\blast question\b/,
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

export const OVERREACH: readonly Rule[] = [...AUTHORITY, ...ROUTES, ...CONDUCT, ...CONSENT, ...BEYOND]

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

/** What is asked for by the description of one argument, by detector. */
export function askedBeyond(description: string): readonly string[] {
  return ASKED.filter((rule) => isMet(rule, description)).map(({ detector }) => detector)
}
