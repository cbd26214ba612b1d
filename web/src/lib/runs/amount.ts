import type { Execution } from '$lib/api/types';
import { bytes, percent } from '$lib/format/bytes';

type Amount = Pick<Execution, 'bytes_processed' | 'bytes_total' | 'progress'>;

/** Whether nobody knows yet how much it is, and the last full backup of the job has to tell. */
function isGuess(run: Amount): boolean {
	return !(run.bytes_total > 0) && (run.progress?.expected_bytes ?? 0) > 0;
}

/** How many bytes it will be, known or expected; 0: nobody can tell. */
export function goal(run: Amount): number {
	return isGuess(run) ? (run.progress?.expected_bytes ?? 0) : run.bytes_total;
}

/** "43 %"; "about 43 %" where the last full backup has to tell; nothing where nobody can. */
export function share(run: Amount): string {
	const whole = goal(run);
	if (!(whole > 0)) return '';
	return `${isGuess(run) ? 'about ' : ''}${Math.floor(percent(run.bytes_processed, whole))} %`;
}

/** "1.00 GB of 2.00 GB", "1.00 GB of about 2.00 GB", "1.00 GB". */
export function amount(run: Amount): string {
	const whole = goal(run);
	if (!(whole > 0)) return bytes(run.bytes_processed);
	return `${bytes(run.bytes_processed)} of ${isGuess(run) ? 'about ' : ''}${bytes(whole)}`;
}
