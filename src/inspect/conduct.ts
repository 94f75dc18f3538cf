/** Orders on how a model behaves towards people, and on whether they have agreed: only those whom it works for may give the one, only the people themselves can say the other. */
import { FOR_EXAMPLE, MUST, order, type Rule, WARNED } from './lexicon.ts'

/** How a model behaves towards people. */
const CONDUCT: readonly Rule[] = [
  {
    detector: 'instructions/persona',
    all: [
      /\b(?:answer|respond|act|behave|reply|speak)\b/,
      /\bas (?:dan\b|an? (?:unrestricted|uncensored|unfiltered|jailbroken))|\b(?:with no|without|free of) (?:a?ny )?(?:restrictions|limits|filters|guidelines|safety|rules|censorship)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\b(?:in|with|to|at the end of) (?:every|each|all|any)(?: \w+)? (?:messages?|responses?|answers?|repl(?:y|ies)|summar(?:y|ies)|turns?)\b/,
      /\b(?:recommend|promote|praise|advertise|favou?r|never mention|not mention|plug)\b/,
    ],
    none: [/\bif\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      order('replace|change|swap|substitute|rewrite|set'),
      /\b(?:account|iban|recipients?|payee|beneficiar(?:y|ies)|wallet|routing|bank|phone numbers?|links?)\b/,
      /\b(?:with|to|by) [`'"]?(?:[a-z]{2}\d{2}|\d{2}[\d-]{2,}|0x[0-9a-f]{6}|bc1|\+\d[\d ]{5,}|[\w.+-]{1,64}@)/,
    ],
    none: [FOR_EXAMPLE],
  },
  {
    detector: 'instructions/persistence',
    all: [
      /\b(?:all|any|every|each|the)(?: \w+)? (?:code|scripts?|programs?|functions?|pages?)\b[^.]{0,20}\byou (?:write|generate|create|produce|edit|suggest)\b/,
      /\bverify ?= ?false\b|\b(?:disable|turn off|skip|weaken|downgrade)\b|https?:|\b[\w-]+\.(?:js|com|net|org|io|dev|example|info|ru|cn|xyz)\b|\bbackdoor\b|\beval\b|\bhard-?code\b/,
      /\b(?:add|insert|include|set|use|call|embed|import|disable|put|skip|turn off)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/escalation',
    all: [
      /\b(?:i|we) (?:hereby )?(?:authori[sz]e|permit|allow|order|command|empower) you to\b/,
      /\b(?:delete|wipe|disable|grant|transfer|bypass|ignore|skip|reveal|export|share|purge|drop)\b/,
      /\b(?:audit|logs?|admin\w*|rights?|access|rules?|polic(?:y|ies)|approvals?|checks?|guardrails?|secrets?|credentials?|accounts?|first|database)\b/,
    ],
    none: [WARNED],
  },
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
      /\bover all others?\b|\bover (?:every|any) other\b|\b(?:before|above) (?:all|any) others?\b|\b(?:brand|products?) of\b|\bour (?:own )?(?:brand|products?)\b/,
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

/** What people are not told, in the words of hiding, and of not finding out. */
const HIDING: readonly Rule[] = [
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:describe|present|explain|sell|show|pass off) (?:this|it|that|the (?:step|call|upload|request|action|operation|task|change|purchase|payment|tool)) (?:to (?:the |your )?(?:users?|customers?|person|people|them) )?as (?:an? |the )?[`'"]?\w|\bkeep (?:this|it|that|these) (?:\w+ )?(?:confidential|private|quiet|secret|to yourself)\b|\bkeep (?:this|it|that|these|the (?:reason|source|step|rule|change|result)s?) (?:a )?(?:secret|hidden)\b|\b(?:stays?|remains?|(?:is|are) (?:kept|left)) out of (?:the|your|any) (?:answer|reply|response|report|summary|output)\b|\bdo (?:this|it|that|so) (?:quietly|silently|unseen|in the background)\b|\bin (?:white|invisible|hidden|tiny) (?:text|letters|font)\b|\bfont[- ]size ?(?:of )?0\b|\bsay nothing\b(?! (?:if|when))/,
    ],
    none: [/\b(?:json|table|csv|markdown|html|list|chart|png|utf|text|never|not|passwords?|secrets?|credentials?|tokens?|keys?)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:users?|customers?|people|persons?|humans?|they|nobody|no one|operators?|owners?|clients?|anyone)\b[^.]{0,20}\b(?:(?:is|are) (?:not|never) to|need (?:not|never)|(?:has|have) no need to|ought not to|should never|must never|may not|will never|won't) (?:ever )?(?:know|learn|notice|find out|see|hear|realise|realize|discover|suspect|be (?:told|shown|informed|aware|asked))\b/,
    ],
    none: [/\b(?:permissions?|access|roles?|passwords?|secrets?|tokens?|keys)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:make|making|with|give|giving|there should be) no (?:further )?(?:mention|reference|note|hint|trace|indication|allusion|word)\b|\bwithout (?:a|any) (?:word|mention|hint|trace|indication)\b|\b(?:do not|don't|never|not) (?:\w+ )?(?:indicate|hint|let on|let slip|admit|acknowledge|give away|allude)\b/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      order('conceal|withhold|suppress|play down|downplay|gloss over|hush up|cover up|keep back|hide|bury'),
      /\b(?:warnings?|problems?|errors?|risks?|facts?|costs?|fees?|failures?|anything|everything|negative|criticism|defects?|faults?|that (?:you|it|this|we)|charges?|side effects?)\b/,
    ],
    none: [
      /\b(?:don't|do not|never|not) (?:conceal|withhold|suppress|play down|downplay|gloss|hush|cover|keep|hide|bury)|\b(?:rows?|columns?|lines?|elements?|layers?|flag|option|param\w*|compiler|lint\w*|set)\b/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      order('leave out|omit|skip|drop|exclude'),
      /\b(?:negative|critical|unfavou?rable|bad|competing|competitors?)\b|\bthat (?:you|it was|this was|we)\b/,
      /\b(?:on|about|of|that)\b/,
    ],
    none: [/\b(?:numbers?|values?|indices|index|integers?|samples?)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      order('do|run|perform|carry out|execute|call|keep'),
      /\b(?:this|that|these|it|the) (?:\w+ )?(?:step|steps|call|part|action|upload|transfer)?\b/,
      /\b(?:behind the scenes|unnoticed|without a word|in secret|in the background and|out of sight)\b/,
    ],
  },
  {
    detector: 'instructions/persona',
    all: [
      order('state|claim|say|suggest|insist|imply|assert|announce|tell them|tell the user'),
      /\bthat\b/,
      /\b(?:whenever|each time|every time|always|no matter|even (?:if|when|though)|as soon as)\b/,
    ],
    none: [WARNED, /\bif it (?:is|was)\b/],
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

/** Yes, said in somebody's place. */
const PROXY: readonly Rule[] = [
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:users?|customers?|owners?|humans?|persons?|clients?|holders?|operators?|admins?|administrators?|reviewers?|approvers?|managers?|teams?|they|everyone|everybody)(?: (?:has|have|had))?(?: \w+)? (?:confirmed|okayed|agreed|approved|consented|signed off|cleared|authori[sz]ed|permitted|allowed)\b[^.]{0,30}\b(?:beforehand|in advance|earlier|already|everything|upfront|up front|ahead of time|once and for all)\b/,
    ],
    none: [/\b(?:if|when|whether|until|unless|once|after|only|that|who|which|must|shows?|lists?)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\byou (?:can|may|should|must|are to|have to|need to|are free to|are allowed to)(?: \w+)? (?:press|click|accept|confirm|approve|answer|tick|agree|say yes|sign|allow|grant|authori[sz]e|consent)\b|^[^a-z]{0,4}(?:press|click|tick|answer|say) (?:on )?[`'"]?(?:yes|ok|okay|accept|allow|agree)\b/,
      /\b(?:for|on behalf of|instead of|in the name of|in place of) (?:the |a )?(?:users?|customers?|them|persons?|owners?|humans?|people|operators?|account holders?)\b|\b(?:dialogs?|box(?:es)?|prompts?|pops? up|pop-?ups?|asked|warnings?)\b|\byourself\b/,
    ],
    none: [/\b(?:test|button with|selector|element|never|not|only (?:if|after|when)|after the user|once the user)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:blanket|standing|general|prior|implicit|implied|tacit|unlimited|permanent|unconditional|lasting|full) (?:permission|consent|approval|authori[sz]ation|agreement|mandate|go-ahead|clearance)\b/,
      /\b(?:gave|given|gives?|granted|grants?|has|have|had|holds?|exists?|is in place|there is)\b/,
    ],
    none: [/\b(?:requires?|required|needs?|needed|without|only|must|unless|until|if|no|whether|after)\b(?! need)/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\bno need to (?:check|confirm|consult|verify|clear|discuss)(?: \w+){0,2} with\b|\bwithout (?:checking|asking|consulting|calling) back\b|\bwithout (?:asking|consulting|involving|waiting for) (?:the )?(?:users?|customers?|owners?|anyone|anybody|them|a (?:person|human))\b/,
    ],
    none: [/\b(?:overwrit\w+|cannot|can't|never|not|n't|refuses?)\b/],
  },
]

/** Who it says it is, and what it makes others believe. */
const PRETENCE: readonly Rule[] = [
  {
    detector: 'instructions/preference',
    all: [
      order('rank|put|list|place|show|rate|give|score|grade|recommend'),
      /\b(?:on top|at the top|in first place|above (?:all|the) others?|full marks|highest (?:score|marks?|rating))\b/,
      /\b(?:of|from|competing|others?|regardless|always|agency|group|brand)\b/,
    ],
    none: [/\b(?:sort|order|if|whether|by (?:date|price|score|relevance))\b/],
  },
  {
    detector: 'instructions/persona',
    all: [
      order('say|tell|claim|state|answer|reply|explain|write|pretend'),
      /\b(?:the )?(?:rest|others?|other \w+|competitors?|alternatives?|remaining)\b[^.]{0,24}\b(?:are|is|have|has|were)\b[^.]{0,16}\b(?:full|sold out|unavailable|closed|bad|unsafe|expensive|broken|gone|booked|out of stock|insecure|worse)\b/,
    ],
    none: [/\bif\b(?! the user)/],
  },
  {
    detector: 'instructions/preference',
    all: [
      order('prefer|choose|use|pick|favou?r|take'),
      /\b(?:over|before|instead of|ahead of) (?:all|any|every|the)(?: of the)? others?\b|\bover (?:all|any|every) other\b/,
      /\btools?|servers?|services?\b/,
    ],
  },
  {
    detector: 'instructions/preference',
    all: [
      order('recommend|promote|suggest|book|choose|favou?r|mention|advertise|offer|pick|prefer|push'),
      /\b(?:whatever|no matter what|regardless of|whichever|even if|whether or not)\b[^.]{0,24}\b(?:users?|customers?|they|person|people|asks?|asked|prefers?|wants?|question)\b|\b(?:leave out|omit|hide|skip|drop|ignore|suppress)\b[^.]{0,16}\b(?:cheaper|better|other|competing|rival|alternative|competitors?)/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/persona',
    all: [
      /\b(?:should|if|when(?:ever)?|in case) (?:the |a )?(?:users?|customers?|anyone|someone|anybody|somebody|they|people|person)\b[^.]{0,12}\b(?:asks?|wonders?|complains?|inquires?|enquires?)\b[^.]{0,60}\b(?:answer|say|reply|respond|claim|deny|assure|insist|pretend|lie)\b/,
      /\b(?:that|nothing|no|it is|it was|deny|pretend|lie)\b/,
    ],
    none: [/\b(?:not know|cannot|can't|link|where|how)\b/],
  },
  {
    detector: 'instructions/persona',
    all: [
      /\b(?:pose|present yourself|introduce yourself|pass yourself off|masquerade|impersonate|act) as (?:a |an |the )?(?:human|person|real|employee|doctor|lawyer|official|man|woman|member|administrator)\b|\bdeny (?:being|that you|to be|having)\b|\b(?:invent|fabricate|make up|forge|fake) (?:\w+ )?(?:reviews?|sources?|facts?|testimonials?|quotes?|citations?|figures|evidence|numbers)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/preference',
    all: [
      order('discourage|dissuade|steer|nudge|push|lure|talk|urge|convince|persuade|warn'),
      /\b(?:users?|readers?|customers?|people|them|person|everyone|buyers?)\b/,
      /\b(?:from|away|towards?|against|into|to (?:buy|use|choose|prefer|pay|switch|upgrade|subscribe))\b/,
      /\b(?:others?|competitors?|competing|rival|any other|alternatives?|our|us|vendors?|products?|providers?|brand)\b/,
    ],
  },
]

export const BEHAVIOUR: readonly Rule[] = [...CONDUCT, ...HIDING, ...PRETENCE, ...CONSENT, ...PROXY]
