import type { Schemas } from '$lib/api/types';

type Chore = Schemas['Chore'];

/** What can be done by hand, and what it is for. */
export const CHORES: readonly (readonly [Chore, string, string])[] = [
	['quick_check', 'Quick check', 'Looks at the structure of the file. Seconds to minutes; nothing has to stop.'],
	['integrity_check', 'Full check', 'Also compares all indexes with their tables. Minutes for a large catalog.'],
	['optimize', 'Optimise', 'Gives free space back in small steps and brings statistics up to date.'],
	['rotate_keys', 'Rotate keys', 'Replaces the encryption keys that rotate by themselves and are due.'],
	['prune', 'Prune history', 'Deletes old executions, logs and events as the settings say.'],
	['audit_check', 'Check the audit log', 'Verifies that no line of the audit log was changed, deleted or inserted.'],
	['vacuum', 'Write anew', 'Writes the whole file anew, without gaps. Nothing else may be at work meanwhile.']
];

export interface Check {
	kind: string;
	ok: boolean;
	problems: string[];
	at: string;
	seconds: number;
}

/** What the last check found, if the server says so in the way that is known here. */
export function checkOf(value: unknown): Check | undefined {
	if (typeof value !== 'object' || value === null) return undefined;
	const { kind, ok, problems, at, seconds } = value as Partial<Check>;
	if (typeof ok !== 'boolean' || typeof at !== 'string') return undefined;
	return { kind: kind ?? '', ok, problems: Array.isArray(problems) ? problems.map(String) : [], at, seconds: seconds ?? 0 };
}
