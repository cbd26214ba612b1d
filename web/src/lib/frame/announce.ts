import type { StoredEvent } from '$lib/api/types';
import { toasts } from '$lib/state/toasts.svelte';
import { eventHref } from './event-links';

/** Warnings and failures are told at once; the rest waits in the event centre. */
export function announce(event: StoredEvent): void {
	if (event.type !== 'warning' && event.type !== 'error') return;
	const href = eventHref(event);
	toasts.add({
		tone: event.type === 'error' ? 'failed' : 'warning',
		title: event.title,
		message: event.message,
		...(href ? { href } : {})
	});
}
