import { KINDS, type Channel } from './kinds';

export interface ShownSetting {
	label: string;
	value: string;
	/** Words of a choice and the like, and nothing that was typed. */
	words: boolean;
	secret: boolean;
}

/** What is set of a channel, for people: secrets as the server shows them. */
export function settingsOf(channel: Pick<Channel, 'kind' | 'config'>): ShownSetting[] {
	const config = channel.config as unknown as Record<string, unknown>;
	const shown: ShownSetting[] = [];
	for (const field of KINDS[channel.kind].fields) {
		const value = config[field.name];
		const add = (text: string, words = false, secret = false) => shown.push({ label: field.label, value: text, words, secret });
		if (field.type === 'pairs') {
			const names = typeof value === 'object' && value !== null ? Object.keys(value) : [];
			if (names.length > 0) add(names.join(', '));
		} else if (field.type === 'choice') add(field.options?.find(([word]) => word === value)?.[1] ?? String(value ?? ''), true);
		else if (field.type === 'check') {
			if (value === true) add('yes', true);
		} else if (field.type === 'pem') {
			if (value) add('set', true);
		} else if (Array.isArray(value)) {
			if (value.length > 0) add(value.join(', '));
		} else if (value !== undefined && value !== null && value !== '' && value !== 0) add(String(value), false, field.type === 'secret');
	}
	return shown;
}
