/** What a restore says at its end, whether it succeeded or failed. */
export interface RestoreResult {
	files_requested: number;
	files_restored: number;
	bytes_restored: number;
	folders_restored: number;
	skipped: number;
	error_count: number;
	errors: string[];
	verified: boolean;
	tapes: string[];
	dest_path: string;
}

const NUMBERS = ['files_requested', 'files_restored', 'bytes_restored', 'skipped', 'error_count'];

/** The result of an execution as that of a restore; none if it failed before it began, or is something else. */
export function readResult(value: unknown): RestoreResult | null {
	return isResult(value) ? value : null;
}

function isResult(value: unknown): value is RestoreResult {
	if (typeof value !== 'object' || value === null) return false;
	const record = value as Record<string, unknown>;
	return Array.isArray(record.errors) && Array.isArray(record.tapes) && NUMBERS.every((name) => typeof record[name] === 'number');
}
