import Ban from '@lucide/svelte/icons/ban';
import CircleAlert from '@lucide/svelte/icons/circle-alert';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleDashed from '@lucide/svelte/icons/circle-dashed';
import CircleX from '@lucide/svelte/icons/circle-x';
import type { State } from '$lib/components/states';
import type { Channel } from './kinds';

/** How a channel is: whether what goes there arrives. */
export function channelState(channel: Pick<Channel, 'enabled' | 'problem' | 'failures' | 'rules' | 'last_sent_at'>): State {
	if (!channel.enabled) return { tone: 'offline', icon: Ban, word: 'Switched off' };
	if (channel.problem) return { tone: 'failed', icon: CircleX, word: 'Cannot be used' };
	if (channel.failures > 0) return { tone: 'failed', icon: CircleAlert, word: channel.failures === 1 ? 'Last attempt failed' : `${channel.failures} attempts failed` };
	if (channel.rules.length === 0) return { tone: 'warning', icon: CircleDashed, word: 'No rule sends to it' };
	return { tone: channel.last_sent_at ? 'good' : 'idle', icon: CircleCheck, word: channel.last_sent_at ? 'Works' : 'Ready' };
}
