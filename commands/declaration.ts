/** The flags and arguments of a command, as they are declared, and the types of their values. */

export interface FlagDeclaration {
  readonly type: 'string' | 'integer' | 'duration' | 'boolean'
  readonly description: string
  /** Other names, short or long; all work with one dash or two. */
  readonly alias?: readonly string[]
  /** How help names the value. */
  readonly hint?: string
  readonly default?: string | number
  /** The only values allowed. */
  readonly options?: readonly string[]
  /** May be given many times; the value is the list of all. */
  readonly repeatable?: true
  /** Accepted, but not in help. */
  readonly hidden?: true
}

export interface ArgumentDeclaration {
  readonly type: 'positional'
  readonly description: string
  readonly hint?: string
  readonly required?: true
  /** Takes all that follow. */
  readonly many?: true
}

/** By name in kebab case, arguments in their order. */
export type Declarations = Readonly<Record<string, FlagDeclaration | ArgumentDeclaration>>

/** By name in camelCase. Durations are in milliseconds. */
export type ParsedValues<D extends Declarations> = {
  -readonly [Name in keyof D as Camel<Name & string>]: ParsedValue<D[Name]>
}

type ParsedValue<D> = D extends { type: 'boolean' }
  ? boolean
  : D extends { repeatable: true } | { many: true }
    ? string[]
    : D extends { default: unknown } | { required: true }
      ? Given<D>
      : Given<D> | undefined

type Given<D> = D extends { type: 'integer' | 'duration' }
  ? number
  : D extends { options: readonly (infer Option)[] }
    ? Option
    : string

type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name

export function isArgument(declared: FlagDeclaration | ArgumentDeclaration): declared is ArgumentDeclaration {
  return declared.type === 'positional'
}

export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}
