import { ReigniteError } from '../errors.ts';
import { hasCode } from './system-error.ts';

/** Turns the system's errors about space and permission into ours; leaves others as they are. */
export function asDiskError(error: unknown, path: string): unknown {
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
    return new ReigniteError('NO_SPACE', `No space left to write ${path}.`, { cause: error });
  }
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) {
    return new ReigniteError('NOT_WRITABLE', `No permission to write ${path}.`, { cause: error });
  }
  if (hasCode(error, 'ENOTDIR')) {
    return new ReigniteError('NOT_WRITABLE', `A file is in the way of a folder of ${path}.`, { cause: error });
  }
  if (hasCode(error, 'ENAMETOOLONG')) {
    return new ReigniteError('NAME_TOO_LONG', `The name is too long for the file system: ${path}.`, { cause: error });
  }
  return error;
}
