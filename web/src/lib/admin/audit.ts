import Ban from '@lucide/svelte/icons/ban';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleX from '@lucide/svelte/icons/circle-x';
import type { Schemas } from '$lib/api/types';
import type { State } from '$lib/components/states';

export const OUTCOMES: Record<Schemas['AuditOutcome'], State> = {
	ok: { tone: 'good', icon: CircleCheck, word: 'Done' },
	denied: { tone: 'warning', icon: Ban, word: 'Denied' },
	failed: { tone: 'failed', icon: CircleX, word: 'Failed' }
};

/** Pages of the kinds of things that have one. */
const PAGES: Record<string, string> = {
	tape: '/tapes',
	pool: '/pools',
	drive: '/drives',
	source: '/sources',
	job: '/jobs',
	execution: '/runs',
	'encryption-key': '/keys'
};

/** Where the thing can be seen that a line is about; nothing if it has no page, or is gone. */
export function subjectHref(line: Schemas['AuditEntry']): string | undefined {
	const page = PAGES[line.resource_type];
	return page && line.resource_id !== null && line.resource_id !== undefined && line.action !== 'delete' ? `${page}/${line.resource_id}` : undefined;
}

/** The details of a line in a few words: "name: Offsite, role: admin". */
export function detailWords(details: string | null | undefined): string {
	if (!details) return '';
	try {
		const value: unknown = JSON.parse(details);
		if (typeof value !== 'object' || value === null) return details;
		return Object.entries(value).map(([name, part]) => `${name}: ${typeof part === 'string' ? part : JSON.stringify(part)}`).join(', ');
	} catch {
		return details;
	}
}
