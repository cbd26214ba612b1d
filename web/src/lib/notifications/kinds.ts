import type { Component } from 'svelte';
import Bell from '@lucide/svelte/icons/bell-ring';
import Mail from '@lucide/svelte/icons/mail';
import Megaphone from '@lucide/svelte/icons/megaphone';
import Send from '@lucide/svelte/icons/send';
import Webhook from '@lucide/svelte/icons/webhook';
import type { Schemas } from '$lib/api/types';

export type Kind = Schemas['ChannelKind'];
export type Channel = Schemas['ChannelView'];

/** One field of a channel's configuration, as it is asked for. */
export interface FieldSpec {
	/** Its name in the configuration. */
	name: string;
	label: string;
	/**
	 * `secret`: never shown again; `list`: several, one on each line; `pem`: a certificate; `pairs`: names with secret values.
	 */
	type: 'text' | 'number' | 'secret' | 'list' | 'choice' | 'check' | 'pem' | 'pairs';
	hint?: string;
	placeholder?: string;
	required?: boolean;
	/** What it is unless something is typed. */
	initial?: string;
	options?: [string, string][];
	/** Rarely needed: behind "More choices". */
	more?: boolean;
}

export interface KindSpec {
	title: string;
	icon: Component;
	/** One sentence: whom it suits. */
	about: string;
	/** What to do before this form can be filled in. */
	steps: string[];
	fields: FieldSpec[];
}

const CERTIFICATE: FieldSpec = {
	name: 'ca_certificate',
	label: 'Certificate authority of your own',
	type: 'pem',
	hint: 'PEM. Without one, those of the system count.',
	more: true
};

const PROXY: FieldSpec = {
	name: 'proxy',
	label: 'HTTP proxy',
	type: 'secret',
	hint: 'Empty: that of the server’s environment.',
	placeholder: 'http://proxy:3128',
	more: true
};

export const KINDS: Record<Kind, KindSpec> = {
	email: {
		title: 'E-mail',
		icon: Mail,
		about: 'To any number of addresses, by your mail server or a provider.',
		steps: ['Providers with two-factor login want an app password here, not the one you log in with.'],
		fields: [
			{ name: 'host', label: 'Mail server', type: 'text', required: true, placeholder: 'smtp.example.org' },
			{
				name: 'security',
				label: 'Protection',
				type: 'choice',
				required: true,
				initial: 'starttls',
				options: [
					['starttls', 'STARTTLS (port 587)'],
					['tls', 'TLS from the beginning (port 465)'],
					['none', 'None (port 25, only on this machine)']
				]
			},
			{ name: 'username', label: 'User name', type: 'text', hint: 'Empty: no login.' },
			{ name: 'password', label: 'Password', type: 'secret' },
			{ name: 'from', label: 'From', type: 'text', required: true, placeholder: 'tapes@example.org' },
			{ name: 'to', label: 'To', type: 'list', required: true, hint: 'One address on each line.', placeholder: 'you@example.org' },
			{ name: 'from_name', label: 'Name of the sender', type: 'text', placeholder: 'TapeBackarr', more: true },
			{ name: 'port', label: 'Port', type: 'number', hint: 'Empty: the usual one of the protection.', more: true },
			CERTIFICATE,
			{
				name: 'accept_any_certificate',
				label: 'Take any certificate',
				type: 'check',
				hint: 'No protection against somebody in between, who can read the password.',
				more: true
			}
		]
	},
	telegram: {
		title: 'Telegram',
		icon: Send,
		about: 'A bot of your own writes to you or to a group.',
		steps: [
			'Talk to @BotFather in Telegram, send /newbot, and keep the token it gives you.',
			'Write something to your new bot, or add it to a group: a bot cannot begin a conversation.',
			'The number of the chat is in https://api.telegram.org/botTOKEN/getUpdates, as "chat":{"id":…}; groups have negative ones.'
		],
		fields: [
			{ name: 'bot_token', label: 'Bot token', type: 'secret', required: true, placeholder: '123456:ABC-DEF…' },
			{ name: 'chat_id', label: 'Chat', type: 'text', required: true, hint: 'Its number, or @name of a public channel.', placeholder: '-1001234567890' },
			{ name: 'thread_id', label: 'Topic of a forum', type: 'number', more: true },
			{ name: 'api_url', label: 'Bot API', type: 'text', hint: 'For a Bot API server of your own.', initial: 'https://api.telegram.org', more: true },
			{ name: 'commands', label: 'Take commands', type: 'check', hint: 'From people who are paired with a user, on the page of the channel. A request for a tape then has a button.', more: true },
			PROXY
		]
	},
	ntfy: {
		title: 'ntfy',
		icon: Megaphone,
		about: 'An app on your phone that subscribes to a topic; no account.',
		steps: ['Install the ntfy app and subscribe to a topic nobody guesses: whoever knows it can read along.'],
		fields: [
			{ name: 'topic', label: 'Topic', type: 'text', required: true, hint: 'Up to 64 letters, digits, - and _.', placeholder: 'tapes-7f3a91' },
			{ name: 'server', label: 'Server', type: 'text', required: true, initial: 'https://ntfy.sh' },
			{ name: 'token', label: 'Access token', type: 'secret', hint: 'Only if the topic is protected.' },
			{ name: 'username', label: 'User name', type: 'text', hint: 'In place of a token.', more: true },
			{ name: 'password', label: 'Password', type: 'secret', more: true },
			PROXY,
			CERTIFICATE
		]
	},
	gotify: {
		title: 'Gotify',
		icon: Bell,
		about: 'Your own push server.',
		steps: ['Make an application in Gotify and take its token.'],
		fields: [
			{ name: 'server', label: 'Server', type: 'text', required: true, placeholder: 'https://push.example.org' },
			{ name: 'token', label: 'Token of the application', type: 'secret', required: true },
			PROXY,
			CERTIFICATE
		]
	},
	webhook: {
		title: 'Webhook',
		icon: Webhook,
		about: 'JSON by HTTP POST, signed: for chat services and programs.',
		steps: ['Any answer 2xx means “taken”. What the JSON looks like is said by a template.'],
		fields: [
			{ name: 'url', label: 'Address', type: 'secret', required: true, hint: 'Chat services put the right to post into it, so it is not shown again.', placeholder: 'https://chat.example.org/hooks/…' },
			{ name: 'secret', label: 'Key of the signature', type: 'secret', hint: 'Empty: messages are not signed.' },
			{ name: 'headers', label: 'Further headers', type: 'pairs', hint: 'Their values are not shown again.', more: true },
			PROXY,
			CERTIFICATE
		]
	}
};

export const KIND_ORDER: Kind[] = ['email', 'telegram', 'ntfy', 'gotify', 'webhook'];

/** Where a channel goes, in a few words, without anything secret. */
export function addressOf(channel: Pick<Channel, 'kind' | 'config'>): string {
	const config = channel.config as unknown as Record<string, unknown>;
	const text = (name: string) => (typeof config[name] === 'string' ? (config[name] as string) : '');
	switch (channel.kind) {
		case 'email':
			return Array.isArray(config.to) ? config.to.join(', ') : '';
		case 'telegram':
			return text('chat_id') ? `chat ${text('chat_id')}` : '';
		case 'ntfy':
			return `${text('topic')} on ${host(text('server'))}`;
		case 'gotify':
			return host(text('server'));
		case 'webhook':
			return host(text('url'));
	}
}

function host(url: string): string {
	try {
		return new URL(url).host;
	} catch {
		return url;
	}
}
