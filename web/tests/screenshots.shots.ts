import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { addresses, NOTHING_FITS } from './support/pages';
import { Rest } from './support/rest';
import { README_PICTURES, SCENES } from './support/scenes';
import { ADMIN, TestServer } from './support/server';
import { wholeHouse, type WholeHouse } from './support/whole-house';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Where the pictures go, and those of the README. */
const FOLDER = path.join(ROOT, 'target/screenshots');
const README_FOLDER = path.join(ROOT, 'docs/pictures');
/** Only what has this in its name: SHOTS=tapes */
const ONLY = process.env.SHOTS ?? '';
/** Only some of the states: STATES=empty,failed */
const STATES = (process.env.STATES ?? 'empty,busy,failed,scenes,readme').split(',');
/** A run that writes 8 MB so often, at 40 MB/s: long enough to be in the pictures of the pages that show it. */
const FILES = 450;
const MOST_PIXELS = 3200;
const ALL_VIEWS: Record<string, BrowserContextOptions> = {
	'desktop-light': { colorScheme: 'light' },
	'desktop-dark': { colorScheme: 'dark' },
	'phone-light': { ...PHONE, colorScheme: 'light' },
	'phone-dark': { ...PHONE, colorScheme: 'dark' }
};
/** Only some of them: VIEWS=desktop-light,phone-dark */
const VIEWS = (process.env.VIEWS ?? Object.keys(ALL_VIEWS).join(',')).split(',');
/** What shows work that goes on comes first. */
const LIVE = ['/', '/drives', '/drives/1', '/runs', '/library', '/jobs'];

let empty: TestServer;
let busy: TestServer;
let browser: Browser;
let house: WholeHouse;
const { fixed, objects, more } = addresses();

beforeAll(async () => {
	mkdirSync(FOLDER, { recursive: true });
	mkdirSync(README_FOLDER, { recursive: true });
	[empty, busy, browser] = await Promise.all([TestServer.start(), TestServer.start(), openBrowser()]);
	await Rest.setUp(empty);
	house = await wholeHouse(busy, await Rest.setUp(busy), FILES);
}, 300_000);
afterAll(async () => {
	writeIndex();
	await browser?.close();
	await Promise.all([empty?.stop(), busy?.stop()]);
});

/** "/tapes/1" as the name of a file. */
const named = (address: string) => (address === '/' ? 'dashboard' : address.slice(1).replace(/[/?=&]/g, '-'));

/** The whole page, but for what is beyond the height of a few screens. */
async function picture(tab: Tab, name: string): Promise<void> {
	const { width, height } = await tab.page.evaluate(() => ({ width: innerWidth, height: document.documentElement.scrollHeight }));
	const clip = { x: 0, y: 0, width, height: Math.min(height, MOST_PIXELS) };
	await tab.page.screenshot({ path: path.join(FOLDER, `${name}.png`), fullPage: true, clip, animations: 'disabled', timeout: 60_000 });
}

/** Pictures of these pages: by address, or by a name and an address. */
async function pictures(server: TestServer, state: string, view: string, pages: [string, string][], fails = false): Promise<void> {
	const wanted = pages.filter(([name]) => name.includes(ONLY));
	if (wanted.length === 0) return;
	const tab = await Tab.open(browser, server, ALL_VIEWS[view]);
	await tab.logIn(ADMIN);
	if (fails) await tab.page.route('**/api/v1/**', (route) => route.abort('connectionrefused'));
	for (const [name, address] of wanted) {
		await tab.goto(address).catch(() => undefined);
		await picture(tab, `${name}.${state}.${view}`);
	}
	await tab.page.context().close();
}

const byAddress = (all: string[]) => all.map((address): [string, string] => [named(address), address]);

/** All pictures side by side, to be looked through in a browser. */
function writeIndex(): void {
	const files = readdirSync(FOLDER).filter((file) => file.endsWith('.png'));
	const rows = [...new Set(files.map((file) => file.split('.').slice(0, 2).join('.')))].toSorted();
	const row = (name: string) =>
		`<h2>${name}</h2><p>${files.filter((file) => file.startsWith(`${name}.`)).map((file) => `<a href="${file}"><img loading="lazy" src="${file}" alt="${file}"></a>`).join(' ')}</p>`;
	const style = '<style>body{font:14px sans-serif}img{height:420px;border:1px solid #999;vertical-align:top;object-fit:cover;object-position:top}</style>';
	writeFileSync(path.join(FOLDER, 'index.html'), `<!doctype html><meta charset="utf-8"><title>Screenshots</title>${style}${rows.map(row).join('\n')}`);
}

describe.runIf(STATES.includes('readme') && ONLY === '')('the README', () => {
	it.each(README_PICTURES)('has a picture: $name', async ({ name, options, show }) => {
		const tab = await Tab.open(browser, busy, { viewport: { width: 1280, height: 800 }, ...options });
		await tab.logIn(ADMIN);
		await show(tab, house);
		const protocol = await tab.page.context().newCDPSession(tab.page);
		const { data } = await protocol.send('Page.captureScreenshot', { format: 'webp', quality: 88 });
		writeFileSync(path.join(README_FOLDER, `${name}.webp`), Buffer.from(data, 'base64'));
		await tab.page.context().close();
	});
});

describe.runIf(STATES.includes('busy')).concurrent('while work goes on', () => {
	it.each(VIEWS)('%s', async (view) => {
		const runs = Object.entries(house.examples).map(([name, address]): [string, string] => [name.replaceAll(' ', '-'), address]);
		const rest = [...fixed, ...objects, ...more, ...NOTHING_FITS].filter((address) => !LIVE.includes(address));
		await pictures(busy, 'busy', view, [...byAddress(LIVE), ...runs, ...byAddress(rest)]);
	});
});

describe.runIf(STATES.includes('scenes')).concurrent('what opens', () => {
	it.each(VIEWS)('%s', async (view) => {
		const missed: string[] = [];
		for (const [name, show] of Object.entries(SCENES)) {
			if (!name.includes(ONLY)) continue;
			const tab = await Tab.open(browser, name.startsWith('empty') ? empty : busy, ALL_VIEWS[view]);
			await show(tab, house).catch((thrown) => missed.push(`${name}: ${thrown}`));
			await tab.page.screenshot({ path: path.join(FOLDER, `${name}.scene.${view}.png`), animations: 'disabled' });
			await tab.page.context().close();
		}
		expect(missed).toEqual([]);
	});
});

describe.runIf(STATES.includes('empty')).concurrent('before there is anything', () => {
	it.each(VIEWS)('%s', async (view) => {
		await pictures(empty, 'empty', view, byAddress(fixed));
	});
});

describe.runIf(STATES.includes('failed')).concurrent('when the server cannot be reached', () => {
	it.each(VIEWS)('%s', async (view) => {
		await pictures(busy, 'failed', view, byAddress([...fixed, ...objects]), true);
	});
});
