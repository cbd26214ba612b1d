import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, Tab } from './support/browser';
import { must, Rest, until } from './support/rest';
import { adminHouse } from './support/admin-seed';
import { aKeyIsLocked } from './support/scenes';
import { ADMIN, TestServer } from './support/server';

let server: TestServer;
let browser: Browser;
let rest: Rest;
let secret: string;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	secret = (await adminHouse(server, rest)).secret;
}, 180_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

it('a key is made and imported, says what needs it, and leaves only when nothing does', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/keys');
	await tab.page.getByRole('button', { name: 'Create a key' }).click();
	await tab.page.getByLabel('Name').fill('Spare');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click();
	await tab.page.getByText('Print a new key sheet now').waitFor();
	await tab.page.getByRole('button', { name: 'Import' }).click();
	await tab.page.getByLabel('Name').fill('From elsewhere');
	await tab.page.getByLabel('Key in base64').fill('AQID');
	await tab.page.getByText('A key has 32 bytes; these are 3.').waitFor();
	await tab.page.getByLabel('Key in base64').fill(Buffer.alloc(32, 7).toString('base64'));
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Import key' }).click();
	const row = tab.page.getByRole('row').filter({ hasText: 'Offsite' });
	await row.getByText('1 job, 1 set').waitFor();

	await row.getByRole('link').click();
	await tab.page.getByRole('heading', { name: 'Offsite', level: 1 }).waitFor();
	await tab.page.getByRole('table', { name: 'Tapes that need Offsite' }).getByRole('link').first().waitFor();
	await tab.page.getByRole('button', { name: 'Actions' }).click();
	const remove = tab.page.getByRole('menuitem', { name: 'Delete' });
	expect(await remove.getAttribute('title')).toContain('Needed by 1 set and 1 job');
	await tab.page.keyboard.press('Escape');

	await tab.goto('/keys');
	await tab.page.getByRole('link', { name: 'From elsewhere' }).click();
	await tab.page.getByRole('heading', { name: 'From elsewhere', level: 1 }).waitFor();
	await tab.page.getByRole('button', { name: 'Actions' }).click();
	await tab.page.getByRole('menuitem', { name: 'Delete' }).click();
	await tab.page.getByText('nobody can read without it').waitFor();
	await tab.page.getByRole('dialog').getByRole('textbox').fill('From elsewhere');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Delete key' }).click();
	await tab.page.getByRole('heading', { name: 'Encryption keys', level: 1 }).waitFor();
	const { keys } = must(await rest.api.GET('/api/v1/encryption-keys'));
	expect(keys.map((key) => key.name).toSorted()).toEqual(['Offsite', 'Spare']);
	await tab.close();
});

it('a pool is given a passphrase, and loses it', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/pools/1');
	const menu = () => tab.page.getByRole('main').getByRole('button', { name: 'Actions' }).click();
	const lockedAt = async () => must(await rest.api.GET('/api/v1/pools/{id}', { params: { path: { id: 1 } } })).key_lock_at;
	await menu();
	await tab.page.getByRole('menuitem', { name: 'Write keys onto its tapes' }).click();
	const panel = tab.page.getByRole('dialog');
	await panel.getByText('as safe as this passphrase').waitFor();
	const [first, again] = [panel.getByLabel('Passphrase', { exact: false }).first(), panel.getByLabel('Passphrase, again')];
	await first.fill('too short');
	await again.fill('too shor');
	await panel.getByText('The two differ.').waitFor();
	await again.fill('too short');
	await panel.getByRole('button', { name: 'Set passphrase' }).click();
	await panel.getByText('must have 16 to').waitFor();
	await first.fill('five words on a yellow slip');
	await again.fill('five words on a yellow slip');
	await panel.getByRole('button', { name: 'Set passphrase' }).click();
	await tab.page.getByText('Keys are written onto its tapes, closed').waitFor();
	expect(await lockedAt()).toBeTruthy();

	await menu();
	await tab.page.getByRole('menuitem', { name: 'Write no more keys onto its tapes' }).click();
	await tab.page.getByText('Keys are written onto its tapes, closed').waitFor({ state: 'detached' });
	expect(await lockedAt()).toBeNull();
	await tab.close();
});

it('keys that were found on tapes are offered to be unlocked', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await aKeyIsLocked(tab);
	await tab.goto('/keys');
	await tab.page.getByText('A key is locked').waitFor();
	await tab.page.getByRole('button', { name: 'Unlock' }).click();
	await tab.page.getByLabel('Passphrase').fill('five words on a yellow slip');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Unlock' }).click();
	// the server has found none
	await tab.page.getByRole('dialog').getByText('that this server does not have').waitFor();
	await tab.close();
});

it('the key sheet shows the keys only when asked, prints their commands, and forgets them', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/keys/sheet');
	const has = () => tab.page.evaluate((text) => document.documentElement.outerHTML.includes(text), secret);
	expect(await has()).toBe(false);
	await tab.page.getByRole('button', { name: 'Show the keys' }).first().click();
	await tab.page.getByRole('article', { name: 'Key Offsite' }).getByText(secret).waitFor();
	await tab.page.getByRole('img', { name: 'QR code of the key Offsite' }).waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	const manual = readFileSync(new URL('../../docs/manual-recovery.md', import.meta.url), 'utf8');
	const line = /^dd .*recover\.py open key\.txt.*$/m.exec(manual)?.[0] ?? 'missing';
	await tab.page.locator('pre', { hasText: line }).waitFor();
	await tab.page.locator('pre', { hasText: 'opener = AESGCM' }).waitFor();
	await tab.page.emulateMedia({ media: 'print' });
	expect(await tab.page.getByRole('button', { name: 'Print' }).isVisible()).toBe(false);
	const pdf = await tab.page.pdf({ format: 'A4', margin: { top: '10mm', bottom: '10mm', left: '10mm', right: '10mm' } });
	expect(pdf.subarray(0, 4).toString()).toBe('%PDF');
	await tab.page.emulateMedia({ media: 'screen' });
	await tab.page.evaluate(() => dispatchEvent(new Event('afterprint')));
	await tab.page.getByText('The keys are not shown').waitFor();
	expect(await has()).toBe(false);
	const kept = await tab.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
	expect(kept).not.toContain(secret);
	await tab.close();
});

it('settings: only what is changed is sent, errors stand beside their field, a change can be forgotten', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/settings?q=token_hours');
	const sent: unknown[] = [];
	tab.page.on('request', (request) => {
		if (request.method() === 'PUT') sent.push(request.postDataJSON());
	});
	const hours = tab.page.getByLabel('Token hours');
	await hours.fill('0');
	await tab.page.getByText('Expected a whole number from 1 to').waitFor();
	expect(await tab.page.getByRole('button', { name: 'Save' }).getAttribute('aria-disabled')).toBe('true');
	await hours.fill('48');
	await tab.page.getByRole('button', { name: 'Save' }).click();
	await tab.page.getByText('1 setting counts after a restart').waitFor();
	await tab.page.getByText('from: changed here').waitFor();
	expect(sent).toEqual([{ 'auth.token_hours': 48 }]);
	await tab.page.getByRole('button', { name: 'Forget this change' }).click();
	await tab.page.getByText('from: default').waitFor();
	expect(must(await rest.api.GET('/api/v1/settings'))).toMatchObject({ auth: { token_hours: 24 } });

	// What only the server can know is wrong is said at the field too.
	await tab.goto('/settings?q=scrub');
	await tab.page.getByLabel('Schedule').fill('at noon');
	await tab.page.getByRole('button', { name: 'Save' }).click();
	await tab.page.locator('.row', { hasText: 'scrub.schedule' }).locator('.error').waitFor();
	await tab.page.getByRole('button', { name: 'Discard' }).click();

	await tab.goto('/settings?q=jwt_secret');
	await tab.page.getByText('Only in the configuration file').waitFor();
	await tab.goto('/settings?q=bcrypt');
	await tab.page.getByText('from: environment').waitFor();
	await tab.close();
});

it('users come, change and go; the last administrator stays', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/users');
	await tab.page.getByRole('button', { name: 'Create a user' }).click();
	await tab.page.getByLabel('User name').fill('carla');
	await tab.page.getByLabel('Password').fill('carlas password');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Create user' }).click();
	await tab.page.getByRole('button', { name: 'Actions for carla' }).click();
	await tab.page.getByRole('menuitem', { name: 'Change role' }).click();
	await tab.page.getByRole('dialog').getByRole('combobox').selectOption('readonly');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Change role' }).click();
	await tab.page.getByRole('row').filter({ hasText: 'carla' }).getByText('Read only').waitFor();
	await tab.page.getByRole('button', { name: 'Actions for carla' }).click();
	await tab.page.getByRole('menuitem', { name: 'Set a new password' }).click();
	await tab.page.getByLabel('New password', { exact: true }).fill('another for carla');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Set password' }).click();
	// That her logins have ended was said of her role, too, and may still stand there.
	await tab.page.getByRole('list', { name: 'Messages' }).getByText('Password changed').waitFor();
	const login = await rest.api.POST('/api/v1/auth/login', { body: { username: 'carla', password: 'another for carla' } });
	expect(must(login).user.role).toBe('readonly');
	await tab.page.getByRole('button', { name: 'Actions for admin' }).click();
	expect(await tab.page.getByRole('menuitem', { name: 'Delete' }).getAttribute('title')).toContain('last administrator');
	await tab.page.keyboard.press('Escape');
	await tab.page.getByRole('button', { name: 'Actions for carla' }).click();
	await tab.page.getByRole('menuitem', { name: 'Delete' }).click();
	await tab.page.getByRole('dialog').getByRole('textbox').fill('carla');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Delete user' }).click();
	await expect.poll(async () => must(await rest.api.GET('/api/v1/users')).map((user) => user.username)).not.toContain('carla');
	await tab.close();
});

it('an API key is shown once, works, and is shut out when it is deleted', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/api-keys');
	await tab.page.getByRole('button', { name: 'Create an API key' }).first().click();
	await tab.page.getByLabel('What uses it').fill('Monitoring');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Create API key' }).click();
	const key = (await tab.page.getByLabel('The API key', { exact: true }).textContent()) ?? '';
	expect(key).toMatch(/^tbk_[0-9a-f]{64}$/);
	const me = () => fetch(`${server.url}/api/v1/auth/me`, { headers: { 'x-api-key': key } });
	expect(await (await me()).json()).toMatchObject({ username: 'Monitoring', role: 'readonly' });
	await tab.page.getByRole('button', { name: 'I have it' }).click();
	expect(await tab.page.content()).not.toContain(key);
	await tab.page.getByRole('button', { name: 'Delete Monitoring' }).click();
	await tab.page.getByRole('dialog').getByRole('textbox').fill('Monitoring');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Delete API key' }).click();
	await expect.poll(async () => (await me()).status).toBe(401);
	await tab.close();
});

it('the audit log is verified', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/audit');
	await tab.page.getByRole('button', { name: 'Verify' }).click();
	await tab.page.getByText(/lines? as they were written/).waitFor();
	expect(await tab.problemsOfPage()).toEqual([]);
	await tab.close();
});

it('the audit log is filtered by the server and exported as it is filtered', async () => {
	for (let times = 0; times < 3; times += 1) await rest.api.DELETE('/api/v1/users/{id}', { params: { path: { id: 999 } } });
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/audit');
	await tab.page.getByRole('combobox', { name: 'Kind' }).selectOption('user');
	await tab.page.getByRole('combobox', { name: 'Outcome' }).selectOption('failed');
	await tab.page.getByText('3 lines').waitFor();
	const table = tab.page.getByRole('table', { name: 'Audit log' });
	await table.getByRole('cell', { name: 'user 999' }).first().waitFor();
	const saving = tab.page.waitForEvent('download');
	await tab.page.getByRole('button', { name: 'Export' }).click();
	await tab.page.getByRole('menuitem', { name: 'CSV' }).click();
	const file = readFileSync(await (await saving).path(), 'utf8').trim().split('\r\n');
	expect(file[0]).toBe('time,user,action,object,object id,outcome,address,details,line,hash');
	expect(file).toHaveLength(4);
	expect(file[1]).toContain(',admin,delete,user,999,failed,');
	await tab.close();
});

it('events come as they happen, stand still when asked, and are searched on the server', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/events?category=encryption');
	const list = tab.page.getByRole('list', { name: 'Events, newest first' });
	const count = () => list.getByRole('listitem').count();
	const before = await count();
	must(await rest.api.POST('/api/v1/encryption-keys', { body: { name: 'While one watches' } }));
	await list.getByText('While one watches').waitFor();
	await tab.page.getByRole('button', { name: 'Pause' }).click();
	must(await rest.api.POST('/api/v1/encryption-keys', { body: { name: 'While nobody watches' } }));
	await tab.page.waitForTimeout(1500);
	expect(await count()).toBe(before + 1);
	await tab.page.getByRole('button', { name: 'Follow' }).click();
	await list.getByText('While nobody watches').waitFor();
	await tab.page.getByRole('searchbox').fill('one watches');
	await expect.poll(count).toBe(1);
	const saving = tab.page.waitForEvent('download');
	await tab.page.getByRole('button', { name: 'Export' }).click();
	await tab.page.getByRole('menuitem', { name: 'JSON' }).click();
	const exported = JSON.parse(readFileSync(await (await saving).path(), 'utf8'));
	expect(exported).toHaveLength(1);
	await tab.close();
});

it('the database is checked, copied to tape, downloaded and replaced', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/database');
	await tab.page.getByRole('button', { name: 'Quick check' }).click();
	await tab.page.getByText('sound').waitFor({ timeout: 60_000 });
	await tab.page.getByRole('button', { name: 'Copy to tape' }).first().click();
	await tab.page.getByLabel('Pool').selectOption({ label: 'DAILY' });
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Copy to tape' }).click();
	await tab.page.getByRole('table', { name: 'Copies of the database' }).getByText('Complete').waitFor({ timeout: 60_000 });

	const saving = tab.page.waitForEvent('download');
	await tab.page.getByRole('button', { name: 'Download' }).click();
	const file = await (await saving).path();
	expect(readFileSync(file).subarray(0, 15).toString()).toBe('SQLite format 3');

	// The same copy once more, as another server would find it: by its tape.
	await tab.page.getByRole('button', { name: 'Read one from a tape' }).click();
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Read the newest copy' }).click();
	await tab.page.getByText('The newest copy on the tape is being read').waitFor();
	await until('the copy to be read', async () => {
		const query = { kind: 'database_restore', limit: 1 };
		return must(await rest.api.GET('/api/v1/executions', { params: { query } }))[0]?.status === 'completed' ? true : undefined;
	});

	await tab.page.getByRole('button', { name: 'Replace by a file' }).click();
	const panel = tab.page.getByRole('dialog');
	expect(await panel.getByRole('button', { name: 'Upload' }).getAttribute('aria-disabled')).toBe('true');
	await panel.getByLabel('Database file').setInputFiles({ name: 'wrong.db', mimeType: 'application/octet-stream', buffer: Buffer.from('this is no database') });
	await panel.getByRole('textbox').fill('replace');
	await panel.getByRole('button', { name: 'Upload' }).click();
	await panel.getByRole('alert').waitFor();
	await panel.getByLabel('Database file').setInputFiles(file);
	await panel.getByRole('button', { name: 'Upload' }).click();
	await tab.page.getByText('Another database is laid ready').waitFor();
	await tab.close();
});

it('the documentation is read, searched and followed by its links', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(await rest.user('readonly'));
	await tab.goto('/docs');
	await tab.page.getByRole('searchbox').fill('encrypted set');
	await tab.page.getByRole('link', { name: 'An encrypted set' }).click();
	await tab.page.getByRole('heading', { name: 'Manual recovery', level: 1 }).waitFor();
	await expect.poll(() => tab.page.evaluate(() => document.getElementById('an-encrypted-set')?.getBoundingClientRect().top)).toBeLessThan(300);
	await tab.page.getByRole('navigation', { name: 'Contents' }).getByRole('link', { name: 'An incremental set' }).click();
	await expect.poll(() => new URL(tab.page.url()).hash).toBe('#an-incremental-set');
	await tab.page.getByRole('link', { name: 'tape-format.md' }).first().click();
	await expect.poll(() => new URL(tab.page.url()).pathname).toBe('/docs/tape-format');
	await tab.close();
});

it('about knows the version and the licence texts of what it is built of', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/about?q=diesel');
	await tab.page.getByText('0.1.0', { exact: true }).waitFor();
	await tab.page.getByRole('button', { name: 'diesel', exact: true }).click();
	await tab.page.getByRole('dialog').getByText('Permission is hereby granted').first().waitFor();
	await tab.close();
});

it('a role is told what it may not see', async () => {
	const operator = await rest.user('operator');
	for (const [login, locked] of [
		[operator, ['/users', '/api-keys']],
		[{ username: 'the-readonly', password: 'password of readonly' }, ['/users', '/api-keys', '/audit', '/settings']]
	] as const) {
		const tab = await Tab.open(browser, server);
		await tab.logIn(login);
		for (const path of ['/keys', '/keys/sheet', '/settings', '/users', '/api-keys', '/audit', '/events', '/database']) {
			await tab.goto(path);
			const alerts = await tab.page.getByRole('main').getByRole('alert').count();
			expect(alerts > 0, `${login.username} on ${path}`).toBe((locked as readonly string[]).includes(path));
		}
		await tab.goto('/keys');
		expect(await tab.page.getByRole('button', { name: /Create a key/ }).getAttribute('aria-disabled')).toBe('true');
		await tab.close();
	}
});
