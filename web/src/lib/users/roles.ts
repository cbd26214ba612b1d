import type { Role } from '$lib/api/types';

/** What each role may do, from the least. */
export const ROLES: readonly (readonly [Role, string, string])[] = [
	['readonly', 'Read only', 'Sees everything but logs, settings and secrets; changes nothing.'],
	['operator', 'Operator', 'All work on tapes, drives, libraries, jobs, sources and restores; reads logs and settings.'],
	['admin', 'Administrator', 'Everything: users, keys, settings, the database as a file.']
];

export function roleName(role: Role): string {
	return ROLES.find(([known]) => known === role)?.[1] ?? role;
}

export function roleWords(role: Role): string {
	return ROLES.find(([known]) => known === role)?.[2] ?? '';
}
