import type { Schemas } from '$lib/api/types';
import type { Kind } from './kinds';

export type Template = Schemas['TemplateView'];

/** The topic of all that has no words of its own. */
export const DEFAULT = 'default';
export const DIGEST = 'digest';

/** The words for a topic: its own, or those of all. */
export function wordsFor(templates: readonly Template[], kind: Kind, topic: string): Template | undefined {
	const own = templates.find((one) => one.kind === kind && one.topic === topic);
	return own ?? templates.find((one) => one.kind === kind && one.topic === DEFAULT);
}

/** Whether people wrote words for this very topic. */
export function isOwn(templates: readonly Template[], kind: Kind, topic: string): boolean {
	return templates.some((one) => one.kind === kind && one.topic === topic && one.custom);
}

/** Which parts words of this kind have. */
export function partsOf(kind: Kind): ('subject' | 'body' | 'html')[] {
	switch (kind) {
		case 'email':
			return ['subject', 'body', 'html'];
		case 'telegram':
		case 'webhook':
			return ['body'];
		case 'ntfy':
		case 'gotify':
			return ['subject', 'body'];
	}
}

export const PURPOSES: [Schemas['Purpose'], string][] = [
	['news', 'As news'],
	['reminder', 'As a reminder'],
	['recovery', 'When it is over'],
	['digest', 'In a digest']
];

/** What can be inserted, and what it is. */
export const VARIABLES: [string, string][] = [
	['title', 'in a few words'],
	['message', 'in a sentence'],
	['severity', 'info, warning or error'],
	['topic', 'what it is about'],
	['purpose', 'news, reminder, recovery, digest or test'],
	['time | clock', 'when it happened'],
	['since | clock', 'since when it waits, or the problem was there'],
	['server', 'name of the machine'],
	['link', 'page of the web interface'],
	['job', 'name of the job'],
	['tape', 'label of the tape'],
	['drive', 'name of the drive'],
	['pool', 'name of the pool'],
	['details', 'what programs see of the event'],
	['items', 'what was gathered, in digests']
];
