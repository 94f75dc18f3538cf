/** Words that mean the same to somebody who wants a model to do what nobody asked for: what was learned of one of them holds for all. */

const TABLE: Readonly<Record<string, string>> = {
  model: 'assistant model ai llm agent claude gpt chatgpt copilot gemini chatbot you your yourself',
  user: 'user customer client shopper traveller person people visitor owner operator human employee patient guest reader caller requester organiser organizer reviewer approver colleague',
  hide: 'quiet quietly silent silently secret secretly discreet discreetly unseen unnoticed covert covertly hide hidden conceal confidential invisible invisibly behind unmentioned omit leave suppress background privately tacit unannounced stealth',
  tell: 'tell mention inform notify report reveal disclose say explain announce show display describe ask bother trouble alert warn reply answer respond comment speak discuss refer acknowledge',
  send: 'send forward upload post transmit submit share deliver push mail email bcc cc leak copy pass hand attach include append put place insert embed paste add supply fill carry relay mirror sync route write give weave whisper echo store report encode pack',
  get: 'read open fetch retrieve obtain get gather collect look peek load dump grab cat list enumerate search find extract take pull scan harvest',
  secret:
    'key keys token tokens password passwords passphrase credential credentials secret secrets cookie cookies session otp pin cvv cvc seed wallet env environment ssh aws kubeconfig certificate vault keychain login',
  private:
    'conversation chat history message messages transcript context memory prompt file files document documents mailbox inbox contacts clipboard record records spreadsheet statement statements bank passport card medical salary payroll diagnosis email emails calendar address screenshot tabs',
  first:
    'before first prior beforehand ahead begin start always every each any whenever all whatever regardless once after then afterwards',
  must: 'must should shall required mandatory obligatory need needs have has demanded demands always compulsory obliged expected supposed',
  not: "not never no don't without skip avoid cannot nothing none nobody neither nor refrain stop ignore disregard",
  consent:
    'approval approve approved confirmation confirm confirmed consent permission policy policies review check checks verification signature signatures guard guardrail safety restriction limit threshold audit log logging sign-off authorised authorized agreed waived permitted granted cleared',
  evade:
    'bypass circumvent skip disable turn off avoid evade override unregister ignore workaround split instead wave through exempt unnecessary needless pre-approved',
  rank: 'best only sole official approved preferred trusted superior accurate deprecated obsolete unsafe unreliable broken unmaintained insecure outdated untrusted dangerous corrupt inferior exclusive exclusively',
  other: 'other others another alternative alternatives rest remaining competing competitor rival instead different elsewhere',
  tool: 'tool tools server servers function functions connector connectors plugin provider providers service services search',
  urgent:
    'important urgent critical system note internal admin developer compliance attention notice instruction instructions directive rule rules procedure requirement',
  harm: 'delete remove wipe drop destroy erase purge truncate transfer pay refund buy purchase execute exec shell run grant invite admin revoke publish install',
  normal: 'usual normal normally happened carry continue proceed routine ordinary standard harmless trusted safe',
  given: 'already given beforehand advance earlier agreed onboarding settings administrator created contract terms',
}

const ENDINGS = ['ing', 'ed', 'es', 's', 'ly'] as const

/** A word without its ending, roughly: `forwarded` and `forwarding` are one. */
export function stemOf(word: string): string {
  if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`
  for (const ending of ENDINGS) {
    if (word.length > ending.length + 2 && word.endsWith(ending) && !word.endsWith('ss')) return word.slice(0, -ending.length)
  }
  return word
}

const SENSES = new Map<string, readonly string[]>()
for (const [sense, words] of Object.entries(TABLE)) {
  for (const word of words.split(' ')) {
    for (const spelling of new Set([word, stemOf(word)])) {
      const known = SENSES.get(spelling) ?? []
      if (!known.includes(sense)) SENSES.set(spelling, [...known, sense])
    }
  }
}

const NOTHING: readonly string[] = []

/** What a word means here: `forwarding` is `send`. Several, or nothing. */
export function sensesOf(word: string): readonly string[] {
  return SENSES.get(word) ?? SENSES.get(stemOf(word)) ?? NOTHING
}
