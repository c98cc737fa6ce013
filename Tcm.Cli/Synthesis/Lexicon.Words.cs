namespace Tcm.Cli.Synthesis;

internal static partial class Lexicon
{
    /// <summary>What signs, shops and roads say.</summary>
    private static readonly string[] Words = """
        a about access account active after agency air airport all alarm always and apartment april area arcade are arrivals art
        at atm auto avenue away baby back bag baggage bakery bank bar barber basement bath bay beach beauty beef beer best beware
        bicycle big bike black block blue board boat book books boutique box branch bread break breakfast bridge bright bring
        brothers building burger bus business butcher buy by cab cafe cake call camera camp car card care careful cash cashier
        casino castle catering caution center central centre century change charge cheap check chef chicken child children china
        chocolate choice church cinema circle city class classic clean clearance clinic clock close closed closing clothing club
        coach coast coffee cold collection college color come comfort coming community company computer control cook cool corner
        cottage council counter country court cream creative credit cross crossing cross-road customer cut cycle daily dance
        danger dark data date day deal deals dear delicious delivery dental department departures design desk dessert diesel
        digital diner dinner direct discount discover do doctor dog dollar don't door double down drink drinks drive dry duty
        early east easy eat education electric elevator emergency employees end engine english enjoy enter entrance entry estate
        europe event every exchange exit experience express extra eye face family fancy farm fashion fast feel festival film find
        fine fire first fish fitness flat flight floor flower flowers fly food foot for forever forest forward free fresh friday
        from fruit fuel full fun furniture future gallery game games garage garden gas gate general gift gifts girls give glass go
        gold golden good grand great green grill ground group guest guide gym hair half hall happy hardware have head health heart
        heat help here high highway hill history holiday home honey hospital hot hotel hour hours house how ice idea if important
        in information inn inside international internet is island it jazz jeans jewellery job join juice july jump just keep
        keys kids kitchen knock lady lake land lane large laundry law learn leather left library life lift light limited line
        liquor little live local lock lodge london long look loop lost lounge love low lucky lunch machine made magic mail main
        mall man manager map march marine market massage master maximum may meat media medical meet members men menu metro
        middle milk mind mini mobile modern monday money more morning motel motor mountain move movie museum music must nail
        name national natural near new news next nice night no noodle noon north not notice november now number ocean of off offer
        office official oil old on one online only open opening opposite optical or orange order organic original our out outlet
        over own paint palace paper park parking part party pass passage passengers paste pay people perfect pet pharmacy phone
        photo pizza place plastic platform play plaza please plus point police pool port post power premium press price prices
        print private prohibited promotion property public pull push quality queen queue quick quiet radio rail railway ready
        real red rent rental repair reserved rest restaurant restricted return rice right ring river road rock roof room rose
        route royal sale salon sandwich saturday save school science sea season seat second security see self sell service shirt
        shoes shop shopping shore short show shuttle side sign silver since sister size sky sleep slow small smile smoke smoking
        snack soap society sold south spa space special speed spicy sport sports spring square staff stage stairs star start
        state station stay steak step stop storage store street studio style sugar summer sun sunday super supermarket surgery
        sweet swim system table take tailor tall taste tax taxi tea team technology telephone temple tennis terminal thank the
        theatre this ticket tickets time tire to today toilet toilets tools top total tour tourist towards tower town toys track
        trade traffic train transfer travel tree trust tunnel turn under union university up upper us use used vacancy value van
        vegetables vehicle via view village vision visit visitor voice wait walk wall warehouse warm warning wash waste watch
        water way we wear wedding week welcome west wet white wifi wild win window wine winter with women wonderful wood work
        workshop world yard year yellow yes yoga you young your zero zone zoo
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static readonly string[] Accented = """
        café pâtisserie crème château forêt hôtel thé garçon señor niño peluquería farmacia jardín straße größe bäckerei müller
        köln fußgänger kärnten città università più perché über öffnung smörgås åre åpen lørdag źródło ulica główna łódź náměstí
        žena čaj şehir çay güneş ñandú são pão açaí coração estação médico rué élite
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static readonly string[] Samples =
    [
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,!:-",
        "中国北京市路街大学医院银行商店酒饭茶面水果肉鱼菜开放时间营业欢迎光临请勿吸烟出口入门安全注意小心停车场公交站地铁",
        "日本東京駅前通大学病院銀行店酒飯茶出口入禁煙駐車場あいうえおかきくけこさしすせそたちつてとなにぬねのアイウエオカキクコサスタトナラリルレロン",
        "서울부산역은행병원학교시장식당커피호텔출구입금연주차장약국빵집가나다라마바사아자",
        "\ufe8d\ufe8e\ufe8f\ufe91\ufe92\ufe90\ufe95\ufe97\ufe98\ufead\ufeae\ufec3\ufec4\ufee1\ufee3\ufee4\ufee2\ufeb3\ufef3\ufef4",
        "אבגדהוזחטיכלמנסעפצקרשתםן",
        "अआइउएकगघचछजटठडणतदनपफबभमयरलवशसहाीुूेैोौं",
        "กขคงจชดตทธนบปผพมยรลวสหอะาเแโไ",
        "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЬЭЮЯабвгдежзиклмнопрстуфхцчшщыьэюя",
        "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψως",
    ];

    /// <summary>By script. Devanagari and Thai words are those that need no shaping.</summary>
    private static readonly string[][] Foreign =
    [
        [],
        [
            "中国银行", "北京", "北京大学", "人民医院", "中山路", "南京路", "酒店", "饭店", "茶", "面馆", "水果", "海鲜", "开放时间", "营业时间", "欢迎光临",
            "请勿吸烟", "出口", "入口", "安全出口", "注意安全", "小心地滑", "停车场", "公交站", "地铁站", "超市", "药店", "书店", "理发店", "洗手间", "男", "女",
            "打折", "特价", "新鲜", "牛肉面", "咖啡", "手机", "电脑", "服务中心", "售票处", "禁止停车", "有限公司", "幸福", "龙", "火锅", "烤鸭", "学校", "邮局",
            "警察", "消防栓", "上海", "广州", "招聘", "出租", "美容美发", "中国移动", "建设银行", "清华大学", "工商银行", "严禁烟火", "办公室", "会议室",
        ],
        [
            "東京駅", "出口", "入口", "禁煙", "駐車場", "ラーメン", "すし", "カメラ", "お茶", "ありがとう", "居酒屋", "本店", "営業中", "うどん", "そば",
            "カラオケ", "ホテル", "タクシー", "コーヒー", "薬", "病院", "銀行", "郵便局", "温泉", "止まれ", "大学", "アイスクリーム",
        ],
        [
            "서울", "부산", "서울역", "은행", "병원", "학교", "시장", "식당", "커피", "호텔", "출구", "입구", "금연", "주차장", "약국", "빵집", "치킨", "노래방",
            "미용실", "안경", "편의점", "고기", "김밥", "한국", "대한민국", "영업중",
        ],
        [
            "مطعم", "فندق", "شارع", "مدرسة", "سوق", "بنك", "مستشفى", "صيدلية", "خروج", "دخول", "مرحبا", "قهوة", "السلام", "مكتب", "مدينة", "مطار", "ممنوع",
            "التدخين", "شركة", "محل", "خبز", "ماء", "كتاب", "بيت",
        ],
        ["מסעדה", "מלון", "רחוב", "בנק", "יציאה", "כניסה", "שלום", "קפה", "חנות", "בית", "ספר", "תחנה", "מים", "לחם", "שוק"],
        ["भारत", "नगर", "सड़क", "दुकान", "होटल", "चाय", "पानी", "घर", "बाजार", "मकान", "बैंक", "रोटी", "दवा", "शहर", "गाड़ी", "बस", "राजधानी", "भोजन"],
        ["ร้านอาหาร", "กาแฟ", "ทางออก", "โรงแรม", "ตลาด", "ธนาคาร", "ขาย", "ยา", "น้ำ", "รถไฟ", "ถนน", "สนาม", "ราคา", "บาท", "เปิด", "นวด", "ไทย"],
        [
            "аптека", "ресторан", "магазин", "выход", "вход", "гостиница", "банк", "кафе", "хлеб", "вокзал", "улица", "продукты", "цветы", "метро", "театр",
            "книги", "школа", "почта", "ремонт", "обувь", "скидки", "открыто", "мясо", "рынок",
        ],
        [
            "ξενοδοχείο", "έξοδος", "είσοδος", "καφέ", "φαρμακείο", "τράπεζα", "οδός", "αθήνα", "εστιατόριο", "σχολείο", "αγορά", "ταξί", "βιβλία", "κλειστό",
            "ανοιχτό", "θάλασσα",
        ],
    ];
}
