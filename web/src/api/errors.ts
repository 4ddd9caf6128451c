import type { Problem } from './types'

/** The server refused a request, and says why. */
export class Refused extends Error {
  readonly status: number
  readonly code: string
  readonly problems: readonly Problem[]

  constructor(status: number, code: string, message: string, problems: readonly Problem[]) {
    super(message)
    this.name = 'Refused'
    this.status = status
    this.code = code
    this.problems = problems
  }
}

/** No answer came: the server is away, or the network is. */
export class Unreachable extends Error {
  constructor() {
    super('The server does not answer.')
    this.name = 'Unreachable'
  }
}

/** One sentence for a person. */
export function sentence(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure)
}

/** Whether asking again may help: nobody answered, or the server is starting or stopping. */
export function passes(failure: unknown): boolean {
  return failure instanceof Unreachable || (failure instanceof Refused && failure.status >= 500)
}
