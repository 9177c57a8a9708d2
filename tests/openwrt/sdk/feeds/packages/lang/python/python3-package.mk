define Py3Package
  define Package/$(1)-src
    DEPENDS:=
  endef
endef
