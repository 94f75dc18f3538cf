/** Orders on other tools: which are used, and with what. A sibling that finds what this one takes is honest company. */
import { AGENT, MUST, NAMED_TOOL, order, PURPOSE, type Rule, WARNED } from './lexicon.ts'

export const ROUTES: readonly Rule[] = [
  {
    detector: 'instructions/tool-order',
    all: [
      new RegExp(
        `\\b(?:while|as long as|when|whenever|once) this (?:tool|server) is (?:loaded|connected|active|installed|there|present|enabled)\\b|\\b(?:note|rule|instruction|hint|advice|change) (?:for|on|to|about) ${NAMED_TOOL}|\\b(?:side effect|effect|side note|note) on (?:the (?:tool |server )?)?(?:${NAMED_TOOL}|[\`'"]\\w+[\`'"])`,
      ),
      new RegExp(`\\b(?:${MUST})\\b|\\b(?:use|set|add|put|pass|send|replace|change|only works|works only|requires)\\b`),
      /\b(?:every|each|all|any|always|regardless|accounts?|percent|fee|address|recipient|not that of|instead|--[a-z-]+)\b/,
    ],
    none: [/\bif the user\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [order('replace|change|swap|exchange|overwrite|substitute'), /\b(?:with|by|to|for) [a-z]{2}\d{2}(?: ?\d{4}){2,}/],
    none: [/\b(?:e\.g|for example|such as|like)\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      new RegExp(
        `${NAMED_TOOL} (?:has been|have been|was|is) (?:now )?(?:compromised|hacked|withdrawn|recalled|breached|poisoned|infected|unsafe|insecure)\\b`,
      ),
    ],
    none: [/\bwhether\b|\bif [^,:]{0,40}(?:has been|was|is) (?:now )?(?:compromised|hacked)/],
  },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(
        `\\b(?:the|any|every|each|calling|this) (?:${AGENT}) (?:${MUST}) (?:\\w+ )?(?:run|call|execute|push|copy|read|hand|post|open|fetch|send|route|invoke)\\b`,
      ),
      /\b(?:before (?:it|any|every|the|each)|first|hidden|each time|prior to|afterwards|every (?:message|request|call|answer))\b/,
    ],
    none: [PURPOSE, /\b(?:confirm|ask the user|ids?)\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      /\b[a-z]+(?:[_.][a-z]+)+\([^)]{0,80}(?:=|'|")/,
      /\b(?:then|before|after|first|also|and|do as|always|must|prior to|next|each|every|into)\b/,
    ],
    none: [/\b(?:e\.g|for example|example:|such as|syntax|sql|python|javascript|expression|formula|functions?)\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      /\b(?:iban|accounts?(?: number)?|recipients?|payee|beneficiary|addresse?e?|amount|wallet|destination|target|branch|url|phone number)\b[^.]{0,24}\b(?:must|has to|have to|should|is to|are to|shall|needs to)(?: always| first)? be (?:replaced|changed|set|swapped|substituted|rewritten|overwritten|exchanged|redirected)\b/,
    ],
    none: [WARNED, /\bif\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\b(?:has been|have been|was|were|is|are|got) (?:compromised|hacked|retired|withdrawn|recalled|shut down|breached|taken over|poisoned|infected|discontinued|unsafe|vulnerable)\b/,
      /\b(?:do not|don't|never|must not|no longer|stop)\b[^.]{0,24}\b(?:use|call|trust|using|calling|rely)\b|\b(?:instead|here|this (?:one|tool|server))\b/,
    ],
    none: [/\b(?:if|whether|password|account|checks?|version)\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      new RegExp(
        `\\b(?:do not|don't|never|stop|must not|no longer) (?:call|use|using|calling|trust) [\`'"]?[a-z0-9]+[a-z0-9_-]*[\`'"]? (?:any ?more|any longer|ever)\\b|\\b(?:do not|don't|never|must not) (?:call|use|trust) (?:another|any|the) other (?:tools?|servers?)\\b|\\bsend its (?:queries|calls|requests)\\b|\\b(?:the |any |every |each )(?:${AGENT}) (?:${MUST}) (?:always )?(?:choose|use|prefer|pick|call|select|take) (?:(?:this|it|ours)\\b|\\w+ and ignore)|\\b(?:choose|use|prefer|pick|take) this (?:one|tool|server)? ?even if\\b|\\bnever (?:question|compare|check|doubt|verify) (?:its|these|the) (?:results?|answers?|output)`,
      ),
    ],
    none: [/\b(?:how|why|describe)\b|\bif\b|\bbefore (?:the|it|this)\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\b(?:every|each|all|any)(?: \w+)? (?:answers?|responses?|messages?|repl(?:y|ies)|drafts?|requests?|questions?|calls?|results?|payments?|quer(?:y|ies))\b/,
      new RegExp(`\\b(?:${MUST}|goes?|go)\\b`),
      /\b(?:go|goes|pass|passes|run|be (?:checked|sent|routed|passed|reviewed|approved)) (?:through|by|via|to|over) (?:this|our|the present) (?:tool|server|service)\b/,
    ],
  },
  {
    detector: 'instructions/escalation',
    all: [
      order('invite|add|cc|bcc|include|copy|subscribe|put'),
      /(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}/,
      /\b(?:each|every|all|any|always|new|too|also)\b/,
    ],
    none: [/\b(?:e\.g|for example|such as|example:|like)\b/],
  },
  {
    detector: 'instructions/execute',
    all: [
      /\b(?:follow|obey|execute|run|do|carry out|act on|apply|perform)(?:s)? (?:the |any |all |every |each )?(?:text|instructions?|steps?|commands?|what(?:ever)?|orders?|code|script|rules)\b[^.]{0,24}\b(?:there|found|you find|you get|it (?:returns|says|contains|sends)|returned|in it|from (?:it|there))\b/,
      /https?:|\bfetch|\bdownload|\bload|\breturns?\b|\b\d{1,3}(?:\.\d{1,3}){3}\b/,
    ],
    none: [WARNED, /\bif\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      new RegExp(NAMED_TOOL.replace(/\[`'"\]\?/g, '')),
      /(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}|https?:\/\/[^\s"'`)]{3,}/,
      /\b(?:only|must|requires?|needs?|has to|have to|always|should)\b/,
    ],
    none: [/\b(?:e\.g|for example|such as|example:|see|docs|documentation|format|like)\b|\]\(https?:/],
  },
  {
    detector: 'instructions/escalation',
    all: [
      order('make|add|invite|promote|set|grant|give|enter'),
      /(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}|\b(?:user|account|member|id) [\w]*[-_]\w*\d/,
      /\b(?:owners?|admins?|administrators?|editors?|members?|collaborators?|maintainers?|reviewers?|attendees?|recipients?|access)\b/,
      /\b(?:also|in addition|additionally|each|every|all|too|always|as well|then)\b/,
    ],
    none: [/\b(?:e\.g|for example|such as)\b/],
  },
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
    none: [
      /\bmust be verified\b|\b(?:found|returned|listed|given) (?:by|with)\b|\bif the user\b|\bto (?:get|find|obtain|look up|resolve)\b/,
    ],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      /\b(?:replace|change|swap|substitute|exchange)\b/,
      /\b(?:user|customer|person|caller|sender|they) (?:names?(?! and| or| by| with| in)|gives?|gave|wants?|asked|asks|types?|typed|enters?|entered|specif\w+|provides?|provided)\b/,
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
    detector: 'instructions/preference',
    all: [
      new RegExp(
        `\\byou (?:are (?:not|no longer)|may not|must not|must no longer|may no longer|cannot|should no longer)(?: (?:allowed|permitted|supposed|able) to)? ?(?:use|call|rely on|turn to)\\b[^.]{0,24}(?:${NAMED_TOOL}|\\bother (?:tools?|servers?))|\\btakes? over all\\b|\\btakes? the place of (?:all|every|other|the other)\\b`,
      ),
    ],
    none: [/\bif\b|\bwhen\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      new RegExp(
        `\\b(?:before|after) (?:the |calling |using )?${NAMED_TOOL}|\\b(?:when|whenever|while|once|each time|every time) (?:the )?${NAMED_TOOL} (?:is|gets|was|has been) (?:called|used|invoked|run|finished|done)`,
      ),
      order(
        'alter|change|set|replace|adjust|rewrite|swap|modify|include|insert|point|redirect|attach|append|substitute|forward|mirror|put|add',
      ),
    ],
    none: [/\bto (?:get|find|obtain|look up|resolve|see|check)\b|\bif the user\b|\bset up\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      /\b(?:pull requests?|commits?|e-?mails?|mails|payments?|messages?|orders?|uploads?|invoices?|transfers?|links?|requests?|donations?)\b/,
      new RegExp(`\\b(?:${MUST})\\b`),
      /\b(?:target|go to|point to|be (?:sent|addressed|made|opened|paid|delivered|directed) to|be made out to|contain|carry|link to)\b/,
      /\b[\w-]+\.(?:com|net|org|io|dev|app|example|info|ru|cn|xyz)\b|\bpo box\b|\bat [\w.-]+\/|\bacc(?:oun)?t[_ ]\w*\d|\biban\b|\bfork\b/,
    ],
    none: [/\b(?:e\.g|for example|such as|your (?:own )?(?:domain|organi[sz]ation))\b/],
  },
  {
    detector: 'instructions/persistence',
    all: [
      order('insert|embed|add|include|leave|put|plant|place|write|append|register|create|install|schedule'),
      /<script|\biframes?\b|\btracking pixel\b|\bcrontab\b|\bautostart\b|\bstartup folder\b|\blaunchd\b|\.(?:bashrc|zshrc|profile|bash_profile)\b|\bsystemd unit\b|\bgit hooks?\b|\bscheduled task\b|\bauthorized_keys\b|\bbackdoor\b/,
      /\b(?:hidden|invisible|every|each|all|any|user|users|also|then|too|always|that (?:fetches|runs|loads|calls))\b/,
    ],
    none: [/\bif (?:the user|asked|you want)\b/],
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
