import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, Tab } from './support/browser';
import { MailServer, Receiver } from './support/receiver';
import { must, Rest, until } from './support/rest';
import { ADMIN, TestServer } from './support/server';
import { inOrderInEveryView } from './support/views';

let server: TestServer;
let browser: Browser;
let rest: Rest;
let receiver: Receiver;
let mail: MailServer;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	receiver = await Receiver.start();
	mail = await MailServer.start();
}, 120_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
	await receiver?.stop();
	await mail?.stop();
});

async function admin(address: string): Promise<Tab> {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto(address);
	return tab;
}

const panel = (page: Page) => page.getByRole('dialog');

async function tryOut(page: Page): Promise<void> {
	await panel(page).getByRole('button', { name: 'Send a test message' }).click();
	await panel(page).getByText('The test message was taken.').waitFor();
}

/** Makes a channel by its form, and tries it before it is saved. */
async function create(page: Page, kind: string, name: string, fields: Record<string, string>, choices: Record<string, string> = {}): Promise<void> {
	await page.getByRole('button', { name: 'Create a channel' }).first().click();
	await panel(page).getByRole('radio', { name: kind }).check();
	await panel(page).getByLabel('Name', { exact: true }).fill(name);
	const save = panel(page).getByRole('button', { name: 'Create channel' });
	expect(await save.getAttribute('aria-disabled'), 'what is needed is missing').toBe('true');
	const more = panel(page).getByText('More choices');
	if ((await more.count()) > 0) await more.click();
	for (const [label, value] of Object.entries(choices)) await panel(page).getByLabel(label).selectOption(value);
	for (const [label, value] of Object.entries(fields)) await panel(page).getByLabel(label, { exact: true }).or(panel(page).getByLabel(`${label} optional`, { exact: true })).fill(value);
	await tryOut(page);
	await save.click();
	await page.getByRole('heading', { level: 1, name }).waitFor();
}

it('a channel of every kind is made, tried before it is saved, and its secrets are not shown again', async () => {
	const tab = await admin('/notifications');
	const { page } = tab;
	await page.getByText('Nobody is told of anything yet').waitFor();
	await create(page, 'ntfy', 'phone', { Topic: 'tapes-7f3a91', Server: receiver.url, 'Access token': 'tk_ntfy_secret' });
	expect(JSON.parse((await receiver.with('tapes-7f3a91')).body).topic).toBe('tapes-7f3a91');
	await tab.goto('/notifications');
	await create(page, 'Gotify', 'push', { Server: receiver.url, 'Token of the application': 'gotify_secret' });
	expect((await until('the push', async () => receiver.received.find((one) => one.path === '/message'))).headers['x-gotify-key']).toBe('gotify_secret');
	await tab.goto('/notifications');
	await create(page, 'Telegram', 'team', { 'Bot token': '123456:telegram_secret', Chat: '5', 'Bot API': receiver.url });
	await until('the chat', async () => receiver.received.find((one) => one.path.includes('SendMessage') || one.path.includes('sendMessage')));
	await tab.goto('/notifications');
	await create(page, 'Webhook', 'hooks', { Address: `${receiver.url}/hooks/webhook_secret`, 'Key of the signature': 'hmac_secret' });
	expect((await until('the hook', async () => receiver.received.find((one) => one.path === '/hooks/webhook_secret'))).headers['x-tapebackarr-signature']).toMatch(/^sha256=/);
	await tab.goto('/notifications');
	await create(page, 'E-mail', 'office', { 'Mail server': '127.0.0.1', From: 'tapes@example.org', To: 'you@example.org\nme@example.org', Port: String(mail.port) }, { Protection: 'none' });
	expect(mail.mails[0]).toContain('To: you@example.org');

	await tab.goto('/notifications');
	const table = page.getByRole('table', { name: 'Channels' });
	await table.getByText('you@example.org, me@example.org').waitFor();
	expect(await table.locator('tbody tr').count()).toBe(5);
	await page.getByText('Nothing goes to 5 channels yet').waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	for (const name of ['phone', 'push', 'team', 'hooks', 'office']) {
		await table.getByRole('link', { name: new RegExp(`^${name}`) }).click();
		await page.getByRole('heading', { level: 1, name }).waitFor();
		await tab.settled();
		expect(await page.content()).not.toMatch(/ntfy_secret|gotify_secret|telegram_secret|webhook_secret|hmac_secret/);
		await page.goBack();
	}
	await tab.close();
});

it('a channel is changed without its secret, and its secret is replaced', async () => {
	const tab = await admin('/notifications');
	const { page } = tab;
	await page.getByRole('table', { name: 'Channels' }).getByRole('link', { name: /^push/ }).click();
	await page.getByRole('main').getByRole('button', { name: 'Actions', exact: true }).click();
	await page.getByRole('menuitem', { name: 'Edit' }).click();
	const secrets = await panel(page).locator('input[type=password]').evaluateAll((fields) => fields.map((field) => (field as HTMLInputElement).value));
	expect(secrets.join(''), 'the stored secret is in no field').toBe('');
	await panel(page).getByLabel('Name', { exact: true }).fill('pusher');
	receiver.received.length = 0;
	await tryOut(page);
	expect(receiver.received[0]?.headers['x-gotify-key'], 'the one that is stored is used').toBe('gotify_secret');
	await panel(page).getByRole('button', { name: 'Replace Token of the application' }).click();
	await panel(page).getByLabel('Token of the application', { exact: true }).fill('another_secret');
	expect(await tab.accessibilityProblems()).toEqual([]);
	await panel(page).getByRole('button', { name: 'Save' }).click();
	await page.getByRole('heading', { level: 1, name: 'pusher' }).waitFor();
	receiver.received.length = 0;
	await page.getByRole('button', { name: 'Send a test message' }).click();
	await page.getByText('The test message was taken').waitFor();
	expect(receiver.received[0]?.headers['x-gotify-key']).toBe('another_secret');
	await page.getByRole('main').getByRole('button', { name: 'Actions', exact: true }).click();
	await page.getByRole('menuitem', { name: 'Delete' }).click();
	await panel(page).getByRole('textbox').fill('pusher');
	await panel(page).getByRole('button', { name: 'Delete' }).click();
	await page.waitForURL('**/notifications');
	await expect.poll(() => page.getByRole('table', { name: 'Channels' }).locator('tbody tr').count()).toBe(4);
	await tab.close();
});

it('what is wrong with an address is said, and who did not take a test message says why', async () => {
	const tab = await admin('/notifications');
	const { page } = tab;
	await page.getByRole('button', { name: 'Create a channel' }).first().click();
	await panel(page).getByRole('radio', { name: 'ntfy' }).check();
	await panel(page).getByLabel('Name', { exact: true }).fill('wrong');
	await panel(page).getByLabel('Topic', { exact: true }).fill('a/b');
	await panel(page).getByText('Up to 64 letters').first().waitFor();
	expect(await panel(page).getByRole('button', { name: 'Send a test message' }).getAttribute('aria-disabled')).toBe('true');
	await panel(page).getByLabel('Topic', { exact: true }).fill('ab');
	await panel(page).getByLabel('Server', { exact: true }).fill(receiver.url);
	receiver.status = 403;
	await panel(page).getByRole('button', { name: 'Send a test message' }).click();
	await panel(page).getByRole('alert').getByText(/403/).waitFor();
	receiver.status = 200;
	await tab.close();
});

/** Makes something happen of which rules tell: a source that is gone. */
async function failure(name: string): Promise<void> {
	const source = must(await rest.api.POST('/api/v1/sources', { body: { name, path: server.path('nowhere', name), source_type: 'local', allow_missing: true } }));
	const pool = await rest.pool('DAILY');
	const job = must(await rest.api.POST('/api/v1/jobs', { body: { name, source_id: source.id, pool_id: pool, backup_type: 'full', schedule_cron: '' } })).id;
	const run = await rest.run(job);
	await until('the failure', async () => ((await rest.execution(run)).status === 'failed' ? true : undefined));
}

it('a rule sends what it says where it says, holds in quiet hours, and the outbox shows why and tries now', async () => {
	await rest.labelAll(await rest.addLibrary(server.library('library', { cartridges: 2 }), 'Library'), await rest.pool('DAILY'));
	const tab = await admin('/notifications/rules');
	const { page } = tab;
	await page.getByText('Without a rule nothing is sent').waitFor();
	await page.getByRole('button', { name: 'Create a rule' }).first().click();
	await panel(page).getByLabel('Name', { exact: true }).fill('trouble');
	await panel(page).getByRole('checkbox', { name: /^hooks/ }).check();
	await panel(page).getByText('Warnings and errors to hooks. At once.').waitFor();
	await panel(page).getByText('Only some events').click();
	await panel(page).getByRole('checkbox', { name: 'A backup failed' }).check();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await panel(page).getByRole('button', { name: 'Create rule' }).click();
	const rules = page.getByRole('list', { name: 'Rules' });
	await rules.getByText('Warnings and errors among “A backup failed”').waitFor();

	// A second one, which is always quiet: a minute is left out, so that there is an end to it.
	const phone = must(await rest.api.GET('/api/v1/notifications/channels')).find((one) => one.name === 'phone')?.id ?? 0;
	const quiet = { name: 'at night', channel_ids: [phone], quiet_from: '00:00', quiet_until: '23:59', errors_break_quiet: false, time_zone: 'UTC' };
	must(await rest.api.POST('/api/v1/notifications/rules', { body: quiet }));
	// The page hears of it by itself.
	await rules.getByText('Everything').waitFor();
	await rules.getByText('quiet from 00:00 to 23:59 (UTC)', { exact: false }).waitFor();

	receiver.received.length = 0;
	receiver.status = 503;
	await failure('gone');
	await tab.goto('/notifications/outbox');
	const messages = page.getByRole('list', { name: 'Messages, newest first' });
	const failed = messages.getByRole('listitem').filter({ hasText: 'to hooks' }).filter({ hasText: 'Backup Failed' });
	await failed.getByText('Trying again').waitFor({ timeout: 30_000 });
	await failed.getByText(/503/).waitFor();
	const held = messages.getByRole('listitem').filter({ hasText: 'to phone' }).filter({ hasText: 'Backup Failed' });
	await held.getByText('Held', { exact: true }).waitFor();
	await page.getByRole('group', { name: 'Which messages' }).getByRole('button', { name: /^Waiting/ }).click();
	expect(new URL(page.url()).searchParams.get('show')).toBe('waiting');
	expect(await tab.accessibilityProblems()).toEqual([]);

	receiver.status = 200;
	await failed.getByRole('button', { name: /^Backup Failed/ }).click();
	await panel(page).getByText('The last attempt failed').waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await panel(page).getByRole('button', { name: 'Try now' }).click();
	await panel(page).getByText('Sent', { exact: true }).first().waitFor({ timeout: 20_000 });
	expect((await receiver.with('Backup Failed')).path).toBe('/hooks/webhook_secret');
	await panel(page).getByRole('button', { name: 'Close' }).last().click();
	await held.getByRole('button', { name: /^Send now/ }).click();
	await receiver.with('tapes-7f3a91');
	await page.getByRole('group', { name: 'Which messages' }).getByRole('button', { name: /^Sent/ }).click();
	await expect.poll(() => messages.getByRole('listitem').filter({ hasText: 'Backup Failed' }).count(), { timeout: 20_000 }).toBe(2);
	await tab.close();
});

it('a rule is made of quiet hours, digests and reminders, and says so in words', async () => {
	const tab = await admin('/notifications/rules?new=yes');
	const { page } = tab;
	await panel(page).getByLabel('Name', { exact: true }).fill('daily');
	await panel(page).getByLabel('How much it matters').selectOption('info');
	await panel(page).getByRole('checkbox', { name: /^office/ }).check();
	await panel(page).getByRole('checkbox', { name: /^Gather/ }).check();
	await panel(page).getByRole('list', { name: 'Next digests' }).getByRole('listitem').first().waitFor();
	await panel(page).getByLabel('Schedule', { exact: true }).fill('not a schedule');
	await expect.poll(() => panel(page).getByRole('button', { name: 'Create rule' }).getAttribute('aria-disabled')).toBe('true');
	await panel(page).getByRole('button', { name: 'Weekday mornings' }).click();
	await panel(page).getByRole('checkbox', { name: /^Remind/ }).check();
	await panel(page).getByLabel('Every so many minutes').fill('45');
	await panel(page).getByRole('checkbox', { name: /^Quiet hours/ }).check();
	await panel(page).getByLabel('Until', { exact: true }).fill('06:30');
	expect(await tab.accessibilityProblems()).toEqual([]);
	await panel(page).getByRole('button', { name: 'Create rule' }).click();
	await page.getByText('Gathered (0 8 * * MON-FRI), errors at once; quiet from 22:00 to 06:30; reminds every 45 minutes (Europe/Berlin)').waitFor();
	const made = must(await rest.api.GET('/api/v1/notifications/rules')).find((one) => one.name === 'daily');
	expect(made).toMatchObject({ digest_cron: '0 8 * * MON-FRI', quiet_from: '22:00', quiet_until: '06:30', reminder_minutes: 45, recovery: true, min_severity: 'info' });
	await page.getByRole('button', { name: 'Actions for daily' }).click();
	await page.getByRole('menuitem', { name: 'Delete' }).click();
	await panel(page).getByRole('button', { name: 'Delete' }).click();
	await expect.poll(() => page.getByText('Gathered (0 8').count()).toBe(0);
	await tab.close();
});

it('words are tried as they are typed, what does not work says on which line, and they can be put back', async () => {
	const tab = await admin('/notifications/templates?kind=webhook');
	const { page } = tab;
	const words = page.getByLabel('JSON optional', { exact: true }).or(page.getByLabel('JSON', { exact: true }));
	await page.getByText('"notification":').waitFor();
	await words.fill('{"text": {{ title }}, "who": {{ job }}}');
	await page.getByText('"who": "nightly <db & web>"').or(page.getByText('"who": "nightly"')).waitFor();
	await words.fill('{"text": {% if %}}');
	await page.getByRole('alert').getByText(/body, line 1/i).waitFor();
	expect(await page.getByRole('button', { name: 'Save' }).getAttribute('aria-disabled')).toBe('true');
	await words.fill('{"text": {{ title }}}');
	await page.getByText('{"text": "Backup Failed"}').waitFor();
	await page.getByRole('button', { name: 'Save' }).click();
	await page.getByText('Own words', { exact: true }).waitFor();
	receiver.received.length = 0;
	await failure('gone too');
	await until('the message in those words', async () => receiver.received.find((one) => one.body === '{"text": "Backup Failed"}'), 30_000);
	await page.getByRole('button', { name: 'Reset' }).click();
	await panel(page).getByRole('button', { name: 'Reset' }).click();
	await page.getByText('Come with the program', { exact: true }).waitFor();
	expect(await words.inputValue()).toBe('');

	await page.getByLabel('Kind of channel').selectOption('telegram');
	await page.getByText('Job: nightly').waitFor();
	await page.getByLabel('Shown as').selectOption('reminder');
	await page.getByText('Reminder: Backup Failed').waitFor();
	await page.getByLabel('Kind of channel').selectOption('email');
	const look = page.frameLocator('iframe[title="The mail as it looks"]');
	await look.getByText('Reminder: Backup Failed').first().waitFor();
	await tab.close();
});

const PAGES = ['/notifications', '/notifications/channels/1', '/notifications/rules', '/notifications/outbox', '/notifications/templates', '/notifications/templates?kind=telegram'];
inOrderInEveryView(() => ({ browser, server, pages: PAGES }));

it('operators look, test and try again; who may only read does not see it', async () => {
	const operator = await Tab.open(browser, server);
	await operator.logIn(await rest.user('operator'));
	await operator.goto('/notifications/channels/1');
	expect(await operator.page.getByRole('button', { name: 'Send a test message' }).getAttribute('aria-disabled')).toBeNull();
	await operator.goto('/notifications');
	expect(await operator.page.getByRole('button', { name: /Create a channel/ }).getAttribute('aria-disabled')).toBe('true');
	await operator.page.keyboard.press('Control+k');
	await operator.page.keyboard.type('quiet hours');
	await operator.page.keyboard.press('Enter');
	await operator.page.getByRole('heading', { level: 1, name: 'Rules' }).waitFor();
	await operator.close();

	const reader = await Tab.open(browser, server);
	await reader.logIn(await rest.user('readonly'));
	await reader.page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Tapes' }).waitFor();
	expect(await reader.page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Notifications' }).count()).toBe(0);
	await reader.goto('/notifications');
	await reader.page.getByRole('alert').getByText(/operator access required/i).waitFor();
	await reader.close();
});
