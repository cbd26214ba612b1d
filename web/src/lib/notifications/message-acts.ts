import { api } from '$lib/api/client';
import { toasts } from '$lib/state/toasts.svelte';
import type { Message } from './outbox';

/** Has a message tried now, with fresh patience. */
export async function retry(message: Message): Promise<void> {
	await api.POST('/api/v1/notifications/outbox/{id}/retry', { params: { path: { id: message.id } } });
	toasts.good('It is tried now', message.title);
}

/** Takes a message out: it is not sent. */
export async function discard(message: Message): Promise<void> {
	await api.POST('/api/v1/notifications/outbox/{id}/discard', { params: { path: { id: message.id } } });
	toasts.good('Discarded', message.title);
}
