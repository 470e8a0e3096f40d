"""Every page, at its size, in both languages: opens without an error, says what it must, nothing overflows."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import sample
from tests.browser.conftest import Opener, Served, moment_fits, no_overflow, shoot

pytestmark = pytest.mark.browser
LANGS = ("zh", "en")
KIOSK = "/kiosk/kiosk-1#token=sample-token"
SIZES = {"portrait": (1080, 1920), "landscape": (1280, 800)}
SAYS = {
    "idle": ("请将身份证放在读卡区", "Place your ID card on the reader"),
    "too_early": ("还没到签到时间", "Check-in opens at"),
    "not_expected": ("没有查到您现在的安排", "We have no entry for you now"),
    "refused": ("名单暂不可用", "The list is not available"),
    "face": ("请看镜头", "Look at the camera"),
    "pin": ("验证码不对", "That code is not right"),
    "unsure": ("请工作人员协助确认", "A member of staff will confirm"),
    "promise": ("请阅读并签名", "Read and sign"),
    "store": ("请把手机、手表等放入 12 号柜", "Put phone, watch and devices in locker 12"),
    "jammed": ("12 号柜没有打开", "Locker 12 did not open"),
    "gate": ("请通过检测门", "Walk through the gate"),
    "alarm": ("检测到电子设备", "A device was found"),
    "go": ("进入 第3评标室", "Go to Evaluation room 3"),
    "leave": ("请取回 12 号柜的物品", "Take your things from locker 12"),
    "help": ("工作人员正在赶来", "Staff are on the way"),
    "busy": ("正在处理", "One moment"),
    "muster": ("请到 集合点A", "Report at Muster point A"),
}
STAFF = {
    "today": ("/", ("需要处理", "Look here")),
    "timeline": ("/timeline", ("第1评标室", "Evaluation room 1")),
    "sessions": ("/sessions", ("示例项目甲", "SAMPLE-2026-001")),
    "session": (f"/sessions/{sample.SESSION}", ("评审材料齐备", "Materials complete")),
    "session-people": (f"/sessions/{sample.SESSION}/people", ("专家 1", "Expert 1")),
    "session-events": (f"/sessions/{sample.SESSION}/events", ("报警：手机", "alarm: phone")),
    "session-recordings": (
        f"/sessions/{sample.SESSION}/recordings",
        ("现场与中心核对一致", "Site and centre agree"),
    ),
    "session-files": (f"/sessions/{sample.SESSION}/files", ("如何验证", "How to verify")),
    "session-devices": (f"/sessions/{sample.SESSION}/devices", ("没有数据", "no data")),
    "experts": ("/experts", ("示例专家 01", "A0101")),
    "devices": ("/devices", ("1 台异常", "1 ill")),
    "packages": ("/packages", ("已封存", "Sealed")),
    "duties": ("/duties", ("没有按时运行", "did not run")),
    "edges": ("/edges", ("核对指纹", "Compare fingerprint")),
    "audit": ("/audit", ("查看也会留痕", "Looks are on record too")),
}


def says(page: Page, pair: tuple[str, str], lang: str) -> None:
    words = pair[LANGS.index(lang)]
    expect(page.get_by_text(words).first).to_be_visible()


@pytest.mark.req("C6")
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("moment", SAYS)
def test_kiosk_moment(open_page: Opener, served: Served, moment: str, size: str, lang: str) -> None:
    served.state.screen, served.state.language = moment, lang
    page = open_page(KIOSK, SIZES[size], lang, touch=True)
    says(page, SAYS[moment], lang)
    assert "token" not in page.url
    no_overflow(page)
    moment_fits(page)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "the kiosk never scrolls"
    shoot(page, f"kiosk-{moment}-{size}-{lang}")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", STAFF)
def test_staff_page(open_page: Opener, name: str, lang: str) -> None:
    path, words = STAFF[name]
    page = open_page(path, (1440, 900), lang)
    says(page, words, lang)
    no_overflow(page)
    shoot(page, f"staff-{name}-{lang}")


@pytest.mark.parametrize("lang", LANGS)
def test_sign_in(open_page: Opener, served: Served, lang: str) -> None:
    page = open_page("/sign-in", (1440, 900), lang)
    no_overflow(page)
    shoot(page, f"staff-sign-in-{lang}")
    page.locator("input[name=username]").fill("sample")
    page.locator("input[name=password]").fill("sample")
    page.keyboard.press("Enter")
    says(page, STAFF["today"][1], lang)


@pytest.mark.req("V6")
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    ("path", "words"), [("hall", ("今日场次", "Today's sessions")), ("doors/eval-1", ("使用中", "In use"))]
)
def test_sign(open_page: Opener, path: str, words: tuple[str, str], lang: str) -> None:
    page = open_page(f"/signs/{path}", (1920, 1080), lang)
    says(page, words, lang)
    no_overflow(page)
    shoot(page, f"sign-{path.replace('/', '-')}-{lang}")


@pytest.mark.parametrize("lang", LANGS)
def test_wall(open_page: Opener, lang: str) -> None:
    page = open_page("/wall", (1920, 1080), lang)
    expect(page.locator("[data-state=live]").first).to_be_visible(timeout=15_000)
    says(page, ("检测门 1 报警", "Gate 1 alarm"), lang)
    no_overflow(page)
    page.wait_for_timeout(1500)
    shoot(page, f"wall-{lang}")


@pytest.mark.parametrize("lang", LANGS)
def test_dialogs(open_page: Opener, lang: str) -> None:
    page = open_page("/sessions?new=1", (1440, 900), lang)
    says(page, ("增加房间", "Add a room"), lang)
    no_overflow(page)
    shoot(page, f"staff-session-form-{lang}")
    page = open_page(f"/sessions/{sample.SESSION}", (1440, 900), lang)
    page.get_by_role("button", name="抽取专家" if lang == "zh" else "Draw experts").click()
    says(page, ("见证方的承诺", "Witness's commitment"), lang)
    shoot(page, f"staff-draw-{lang}")
