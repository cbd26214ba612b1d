import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleX from '@lucide/svelte/icons/circle-x';
import type { State } from '$lib/components/states';

/** How a part of the server is. */
export const HEALTH: Record<'ok' | 'bad', State> = {
	ok: { tone: 'good', icon: CircleCheck, word: 'well' },
	bad: { tone: 'failed', icon: CircleX, word: 'not well' }
};
