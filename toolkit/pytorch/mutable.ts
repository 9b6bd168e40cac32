/** For the reader itself, which fills values that others only read. */
export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
