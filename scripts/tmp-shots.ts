import { execFileSync } from 'node:child_process';
import { mkdtemp, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { _electron } from 'playwright-core';
const out='/tmp/shots-explorer'; await mkdir(out,{recursive:true});
const userData = await mkdtemp(join(tmpdir(), 'shots-'));
const exe = execFileSync(process.execPath,[resolve('scripts/electron/find-runtime.mjs')],{encoding:'utf8'}).trim();
const app = await _electron.launch({executablePath:exe,colorScheme:null,args:['--no-sandbox',`--user-data-dir=${userData}`,'--force-device-scale-factor=1',resolve('.')]});
try {
 const page = await app.firstWindow(); await page.waitForLoadState();
 page.on('console',m=>console.log('console',m.type(),m.text().slice(0,300)));
 page.on('pageerror',e=>console.log('ERR',e.message));
 const look=async(language:string,theme:string,width:number,height:number)=>{await page.setViewportSize({width,height});await page.evaluate(async(s)=>{await (window as any).studio.call('settings:set',s)},{language,theme});await sleep(500);};
 await look('en','light',1280,800);
 const model=process.argv[2];
 if(model){ await app.evaluate(({dialog},p)=>{dialog.showOpenDialog=()=>Promise.resolve({canceled:false,filePaths:[p]});},model);
  await page.keyboard.press('Control+n'); await page.locator('.column .panel button').nth(0).click(); }
 else { await page.keyboard.press('Control+n'); await page.locator('.column .panel button').nth(1).click(); }
 await page.locator('.map-panel canvas').waitFor();
 const nav=async(route:string)=>{await page.evaluate((r)=>{window.history.pushState(r,'');window.dispatchEvent(new PopStateEvent('popstate',{state:r}));},route);await sleep(1200);};
 const n=model?40:3;
 const routes:Record<string,string>={ q:`#/dependencies/${n}/model.layers.${n}.self_attn.q_proj.weight/0/${model?300:40}`, down:`#/dependencies/${n}/model.layers.${n}.mlp.down_proj.weight/1/100`, hidden:`#/dependencies/${n}/model.layers.${n}.self_attn.q_proj.weight/1/5`, locked:`#/dependencies/embedding/model.embed_tokens.weight/0/7`};
 for(const [name,route] of Object.entries(routes)){ await nav(route);
  const looks=process.argv[3]==='all'?[['en','light',1280,800],['zh-CN','dark',1280,800],['en','dark',1920,1080],['zh-CN','light',1920,1080]]:[['en','light',1280,800]];
  for(const [l,t,w,h] of looks as any){ await look(l,t,w,h); await page.screenshot({path:`${out}/${name}-${l}-${t}-${w}.png`}); }
  await look('en','light',1280,800);
 }
} finally { app.process().kill('SIGKILL'); }
