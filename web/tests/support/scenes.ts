import type { BrowserContextOptions } from 'playwright-core';
import { PHONE, type Tab } from './browser';
import { ADMIN } from './server';
import type { WholeHouse } from './whole-house';

type Show = (tab: Tab, house: WholeHouse) => Promise<void>;

const at = (address: string, then?: (tab: Tab) => Promise<void>): Show => async (tab) => {
	await tab.logIn(ADMIN);
	await tab.goto(address);
	await then?.(tab);
	await tab.settled();
};
const button = (name: string | RegExp) => (tab: Tab) => tab.page.getByRole('button', { name }).first().click();
const entry = (menu: string | RegExp, name: string) => async (tab: Tab) => {
	await button(menu)(tab);
	await tab.page.getByRole('menuitem', { name }).click();
};

/** As if a rebuild of the catalog had found a key on a tape. */
export async function aKeyIsLocked(tab: Tab): Promise<void> {
	const found = { key_fingerprint: '4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0', tape_id: 3, tape_label: 'A00003L9', found_at: '2026-11-20T08:00:00Z' };
	await tab.page.route('**/api/v1/encryption-keys/locked', (route) => route.fulfill({ json: [found] }));
}

/** What opens above a page. */
export const SCENES: Record<string, Show> = {
	login: async (tab) => void (await tab.page.goto('/login')),
	'tape-change': at('/pools', async (tab) => {
		await button(/waiting/)(tab);
		await tab.page.getByRole('dialog').getByText('Waiting for', { exact: true }).waitFor();
	}),
	palette: at('/', async (tab) => {
		await tab.page.keyboard.press('Control+k');
		await tab.page.keyboard.type('ma');
		await tab.page.getByRole('option').filter({ hasText: 'Mail' }).first().waitFor();
	}),
	events: at('/', button('Events')),
	account: at('/', button('Account and theme')),
	'job-new': at('/jobs?new=1'),
	'job-menu': at('/jobs/1', button('Actions')),
	'job-edit': at('/jobs/1', button('Edit')),
	'job-delete': at('/jobs/1', entry('Actions', 'Delete')),
	'source-new': at('/sources', button('Create a source')),
	'source-edit': at('/sources/1', entry('Actions', 'Edit')),
	'pool-new': at('/pools', button('Create a pool')),
	'pool-passphrase': at('/pools/1', entry('Actions', 'Write keys onto its tapes')),
	'slot': at('/library', button(/slot 1:/)),
	'label-tapes': at('/tapes', button('Label tapes')),
	'tapes-selected': at('/tapes', async (tab) => {
		for (const label of ['A00002L9', 'A00003L9']) await tab.page.getByRole('checkbox', { name: `Select ${label}` }).check();
	}),
	'tape-format': at('/tapes/1', entry('Actions', 'Format')),
	'tape-lose': at('/tapes/1', entry('Actions', 'Give up for lost')),
	'telegram-pair': async (tab, house) => at(house.examples['channel telegram'] ?? '', button('Pair me with the bot'))(tab, house),
	'drive-new': at('/drives', button('Add a drive')),
	'key-new': at('/keys', button('Create a key')),
	'keys-locked': async (tab) => {
		await aKeyIsLocked(tab);
		await at('/keys', button('Unlock'))(tab, {} as WholeHouse);
	},
	'key-sheet-shown': at('/keys/sheet', button('Show the keys')),
	'user-new': at('/users', button('Create a user')),
	'run-cancel': async (tab, house) => at(`/runs/${house.waiting}`, button('Cancel'))(tab, house),
	'restore-ticked': at('/restore', async (tab) => {
		await tab.page.getByRole('checkbox', { name: /^Restore / }).first().check();
		await button(/^Plan restore/)(tab);
		await tab.page.getByRole('dialog').getByText('Destination').first().waitFor();
	}),
	'empty-library-new': at('/library', button('Add a library')),
	'empty-job-new': at('/jobs?new=1')
};

interface Picture {
	name: string;
	options: BrowserContextOptions;
	/** What is to be seen; somebody is logged in. */
	show: Show;
}

/** The pictures of the README: 1280 × 800 unless said otherwise. */
export const README_PICTURES: Picture[] = [
	{ name: 'dashboard', options: { colorScheme: 'dark' }, show: async (tab) => tab.goto('/') },
	{ name: 'run', options: { colorScheme: 'light' }, show: async (tab, house) => tab.goto(`/runs/${house.running}`) },
	{ name: 'library', options: { colorScheme: 'light' }, show: async (tab) => tab.goto('/library') },
	{ name: 'restore', options: { colorScheme: 'light' }, show: async (tab) => tab.goto('/restore?path=part-0') },
	{
		name: 'tape-change',
		options: { ...PHONE, colorScheme: 'dark' },
		show: async (tab) => {
			await tab.goto('/');
			await button(/waiting/)(tab);
			await tab.page.getByRole('dialog').getByText('Waiting for', { exact: true }).waitFor();
			await tab.settled();
		}
	}
];
